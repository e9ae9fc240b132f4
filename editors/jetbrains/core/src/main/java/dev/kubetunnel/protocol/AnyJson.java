package dev.kubetunnel.protocol;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;

/** Passes JSON on as it is, with its nulls, which Gson leaves out. */
public final class AnyJson extends TypeAdapter<JsonElement> {
    private static final Gson WITH_NULLS = new GsonBuilder().serializeNulls().create();

    @Override
    public void write(JsonWriter out, JsonElement value) throws IOException {
        if (value == null) {
            out.nullValue();
            return;
        }
        WITH_NULLS.toJson(value, out);
    }

    @Override
    public JsonElement read(JsonReader in) throws IOException {
        return JsonParser.parseReader(in);
    }
}
