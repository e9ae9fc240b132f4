package dev.kubetunnel.protocol;

import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/** Writes a map of strings with its nulls, which mean something there: "take it out". Gson leaves them out. */
public final class NullableMap extends TypeAdapter<Map<String, String>> {
    @Override
    public void write(JsonWriter out, Map<String, String> map) throws IOException {
        if (map == null) {
            out.nullValue();
            return;
        }
        boolean nulls = out.getSerializeNulls();
        out.setSerializeNulls(true);
        try {
            out.beginObject();
            for (Map.Entry<String, String> entry : map.entrySet()) {
                out.name(entry.getKey()).value(entry.getValue());
            }
            out.endObject();
        } finally {
            out.setSerializeNulls(nulls);
        }
    }

    @Override
    public Map<String, String> read(JsonReader in) throws IOException {
        if (in.peek() == JsonToken.NULL) {
            in.nextNull();
            return null;
        }
        Map<String, String> map = new LinkedHashMap<>();
        in.beginObject();
        while (in.hasNext()) {
            String name = in.nextName();
            if (in.peek() == JsonToken.NULL) {
                in.nextNull();
                map.put(name, null);
            } else {
                map.put(name, in.nextString());
            }
        }
        in.endObject();
        return map;
    }
}
