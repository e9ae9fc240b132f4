package dev.kubetunnel.jetbrains;

import com.intellij.ide.util.PropertiesComponent;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The user's settings, in memory. */
final class Properties extends PropertiesComponent {
    private final Map<String, String> values = new ConcurrentHashMap<>();

    @Override
    public void unsetValue(String name) {
        values.remove(name);
    }

    @Override
    public boolean isValueSet(String name) {
        return values.containsKey(name);
    }

    @Override
    public String getValue(String name) {
        return values.get(name);
    }

    @Override
    public void setValue(String name, String value) {
        values.put(name, value);
    }

    @Override
    public void setValue(String name, String value, String fresh) {
        if (value.equals(fresh)) {
            values.remove(name);
        } else {
            values.put(name, value);
        }
    }

    @Override
    public void setValue(String name, float value, float fresh) {
        setValue(name, String.valueOf(value), String.valueOf(fresh));
    }

    @Override
    public void setValue(String name, int value, int fresh) {
        setValue(name, String.valueOf(value), String.valueOf(fresh));
    }

    @Override
    public void setValue(String name, boolean value, boolean fresh) {
        setValue(name, String.valueOf(value), String.valueOf(fresh));
    }

    @Override
    public String[] getValues(String name) {
        return null;
    }

    @Override
    public void setValues(String name, String[] list) {}
}
