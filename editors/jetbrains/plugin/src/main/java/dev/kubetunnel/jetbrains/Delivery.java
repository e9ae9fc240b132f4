package dev.kubetunnel.jetbrains;

import com.intellij.execution.CommonProgramRunConfigurationParameters;
import com.intellij.execution.configurations.RunConfiguration;
import com.intellij.openapi.util.InvalidDataException;
import com.intellij.openapi.util.WriteExternalException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jdom.Attribute;
import org.jdom.Element;

/**
 * Gives a copy of a run configuration an environment. The platform has one way for it, which many types of
 * configuration take; the others keep their variables in XML, in one of two forms. Whether the variables
 * have arrived is looked at in what the copy would save: a type that keeps none is refused.
 */
final class Delivery {
    /** The type of a configuration takes no environment. */
    static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;

        Refused(String message, Throwable cause) {
            super(message, cause);
        }
    }

    private Delivery() {}

    /** The variables that a configuration sets by itself. */
    static Map<String, String> own(RunConfiguration configuration) {
        if (configuration instanceof CommonProgramRunConfigurationParameters parameters) {
            return new HashMap<>(parameters.getEnvs());
        }
        try {
            return variables(saved(configuration));
        } catch (WriteExternalException e) {
            return Map.of();
        }
    }

    /** A copy with these variables over its own. The configuration stays as it is. */
    static RunConfiguration copyWith(RunConfiguration configuration, Map<String, String> environment) throws Refused {
        RunConfiguration copy = configuration.clone();
        Map<String, String> all = new LinkedHashMap<>(own(configuration));
        all.putAll(environment);
        if (copy instanceof CommonProgramRunConfigurationParameters parameters) {
            parameters.setEnvs(all);
            if (parameters.getEnvs().equals(all)) {
                return copy;
            }
            throw refused(configuration, null);
        }
        try {
            for (Form form : Form.values()) {
                Element element = saved(copy);
                form.write(element, all);
                RunConfiguration tried = configuration.clone();
                tried.readExternal(element);
                // Its own reading and writing: what a type does not know, it does not write again.
                if (variables(saved(tried)).entrySet().containsAll(all.entrySet())) {
                    return tried;
                }
            }
        } catch (InvalidDataException | WriteExternalException e) {
            throw refused(configuration, e);
        }
        throw refused(configuration, null);
    }

    private static Refused refused(RunConfiguration configuration, Throwable cause) {
        return new Refused("Run configurations of type \"" + configuration.getType().getDisplayName()
                + "\" take no environment variables, so \"" + configuration.getName()
                + "\" can't be the pod: choose another, or let the session run the program and attach to it", cause);
    }

    /** A copy in which a debug server's port is another one. The configuration stays as it is. */
    static RunConfiguration copyWithPort(RunConfiguration configuration, long port, long instead) throws Refused {
        RunConfiguration copy = configuration.clone();
        if (port == instead) {
            return copy;
        }
        try {
            Element element = saved(copy);
            if (!replace(element, String.valueOf(port), String.valueOf(instead))) {
                throw new Refused("\"" + configuration.getName() + "\" does not attach to port " + port
                        + ", on which the program's debug server listens", null);
            }
            copy.readExternal(element);
            return copy;
        } catch (InvalidDataException | WriteExternalException e) {
            throw new Refused("\"" + configuration.getName() + "\" can't be copied: " + e.getMessage(), e);
        }
    }

    static Element saved(RunConfiguration configuration) throws WriteExternalException {
        Element element = new Element("configuration");
        configuration.writeExternal(element);
        return element;
    }

    private static Map<String, String> variables(Element element) {
        Map<String, String> found = new TreeMap<>();
        for (Form form : Form.values()) {
            found.putAll(form.read(element));
        }
        return found;
    }

    private static boolean replace(Element element, String value, String instead) {
        boolean replaced = false;
        for (Attribute attribute : element.getAttributes()) {
            if (attribute.getValue().equals(value)) {
                attribute.setValue(instead);
                replaced = true;
            }
        }
        for (Element child : element.getChildren()) {
            replaced |= replace(child, value, instead);
        }
        return replaced;
    }

    /** How types of configuration keep variables in XML. */
    private enum Form {
        /** {@code <envs><env name="A" value="1"/></envs>}. */
        ENVS {
            @Override
            Map<String, String> read(Element element) {
                return pairs(element.getChild("envs"), "env", "name");
            }

            @Override
            void write(Element element, Map<String, String> variables) {
                element.removeChildren("envs");
                element.addContent(pairs("envs", "env", "name", variables));
            }
        },
        /** {@code <option name="env"><map><entry key="A" value="1"/></map></option>}. */
        OPTION {
            @Override
            Map<String, String> read(Element element) {
                Element option = option(element);
                return option == null ? Map.of() : pairs(option.getChild("map"), "entry", "key");
            }

            @Override
            void write(Element element, Map<String, String> variables) {
                Element option = option(element);
                if (option == null) {
                    option = new Element("option").setAttribute("name", "env");
                    element.addContent(option);
                }
                option.removeChildren("map");
                option.addContent(pairs("map", "entry", "key", variables));
            }

            private Element option(Element element) {
                for (Element option : element.getChildren("option")) {
                    if (List.of("env", "envs", "environmentVariables").contains(option.getAttributeValue("name"))) {
                        return option;
                    }
                }
                return null;
            }
        };

        abstract Map<String, String> read(Element element);

        abstract void write(Element element, Map<String, String> variables);

        private static Map<String, String> pairs(Element parent, String tag, String key) {
            Map<String, String> found = new TreeMap<>();
            if (parent != null) {
                for (Element child : parent.getChildren(tag)) {
                    String name = child.getAttributeValue(key);
                    String value = child.getAttributeValue("value");
                    if (name != null && value != null) {
                        found.put(name, value);
                    }
                }
            }
            return found;
        }

        private static Element pairs(String parent, String tag, String key, Map<String, String> variables) {
            Element element = new Element(parent);
            variables.forEach((name, value) -> element.addContent(new Element(tag).setAttribute(key, name).setAttribute("value", value)));
            return element;
        }
    }
}
