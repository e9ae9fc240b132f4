package dev.kubetunnel.jetbrains;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.intellij.execution.configurations.ConfigurationType;
import com.intellij.execution.runners.ProgramRunner;
import com.intellij.openapi.actionSystem.AnAction;
import com.intellij.openapi.options.Configurable;
import com.intellij.openapi.util.JDOMUtil;
import com.intellij.openapi.wm.ToolWindowFactory;
import java.io.InputStream;
import java.lang.reflect.Modifier;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jdom.Attribute;
import org.jdom.Element;
import org.junit.jupiter.api.Test;

/** What plugin.xml names is there, and is what its extension point wants. */
class PluginXmlTest {
    /** The extension points that the plugin uses, with what they want. */
    private static final Map<String, Class<?>> WANTED = Map.of(
            "configurationType", ConfigurationType.class,
            "programRunner", ProgramRunner.class,
            "toolWindow", ToolWindowFactory.class,
            "applicationConfigurable", Configurable.class,
            "action", AnAction.class);

    private static Element plugin() throws Exception {
        try (InputStream file = PluginXmlTest.class.getResourceAsStream("/META-INF/plugin.xml")) {
            return JDOMUtil.load(file);
        }
    }

    @Test
    void eachClassIsOfItsExtensionPointsType() throws Exception {
        Set<String> seen = new HashSet<>();
        for (String group : new String[] {"extensions", "actions"}) {
            for (Element extension : plugin().getChild(group).getChildren()) {
                for (Attribute attribute : extension.getAttributes()) {
                    if (attribute.getValue().startsWith("dev.kubetunnel.") && attribute.getValue().matches(".*\\.[A-Z]\\w+") && !attribute.getName().equals("id")) {
                        Class<?> wanted = WANTED.get(extension.getName());
                        assertNotNull(wanted, extension.getName());
                        Class<?> named = Class.forName(attribute.getValue());
                        assertTrue(wanted.isAssignableFrom(named), named + " is no " + wanted);
                        assertTrue(Modifier.isPublic(named.getModifiers()), named + " is not public");
                        assertTrue(Modifier.isPublic(named.getDeclaredConstructor().getModifiers()), named + " can't be made");
                        seen.add(extension.getName());
                    }
                    if (attribute.getName().equals("icon")) {
                        drawn(attribute.getValue(), extension.getName().equals("toolWindow") ? 13 : 16);
                    }
                }
            }
        }
        assertEquals(WANTED.keySet(), seen);
    }

    @Test
    void namesAreTheCodes() throws Exception {
        Element extensions = plugin().getChild("extensions");
        assertEquals(Notices.GROUP, extensions.getChild("notificationGroup").getAttributeValue("id"));
        assertEquals(SessionsToolWindow.ID, extensions.getChild("toolWindow").getAttributeValue("id"));
        assertEquals(SessionsToolWindow.ID, extensions.getChild("notificationGroup").getAttributeValue("toolWindowId"));
        assertEquals("com.intellij.modules.platform", plugin().getChildText("depends"));
        assertEquals(1, plugin().getChildren("depends").size());
    }

    @Test
    void thePluginHasItsIcon() throws Exception {
        drawn("/META-INF/pluginIcon.svg", 40);
        drawn("/icons/toolwindow@20x20.svg", 20); // current IDEs take it by itself
    }

    /** An icon is there for light and dark themes, and is as large as its place. */
    private static void drawn(String path, int size) throws Exception {
        for (String each : new String[] {path, path.replace(".svg", "_dark.svg")}) {
            try (InputStream file = PluginXmlTest.class.getResourceAsStream(each)) {
                assertNotNull(file, each);
                Element svg = JDOMUtil.load(file);
                assertEquals(String.valueOf(size), svg.getAttributeValue("width"), each);
                assertEquals(String.valueOf(size), svg.getAttributeValue("height"), each);
            }
        }
    }
}
