package dev.kubetunnel.jetbrains;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.intellij.execution.configurations.RunConfiguration;
import com.intellij.execution.configurations.RuntimeConfigurationException;
import com.intellij.openapi.util.JDOMUtil;
import dev.kubetunnel.core.Plan;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DeliveryTest {
    private final Delegated.Type type = new Delegated.Type();
    private Headless ide;

    @BeforeEach
    void open() {
        ide = new Headless();
    }

    @AfterEach
    void close() throws Exception {
        ide.close();
    }

    static String saved(RunConfiguration configuration) throws Exception {
        return JDOMUtil.writeElement(Delivery.saved(configuration));
    }

    private void delivered(Delegated configuration) throws Exception {
        configuration.variables.put("OWN", "kept");
        configuration.variables.put("LISTEN", "old");
        String before = saved(configuration);
        Delegated copy = (Delegated) Delivery.copyWith(configuration, Map.of("CURRENCY", "EUR", "LISTEN", "new <&\">"));
        assertEquals(Map.of("OWN", "kept", "LISTEN", "new <&\">", "CURRENCY", "EUR"), copy.variables);
        assertEquals(before, saved(configuration));
        assertEquals(Map.of("OWN", "kept", "LISTEN", "old"), Delivery.own(configuration));
    }

    @Test
    void byThePlatformsOwnWay() throws Exception {
        delivered(new Delegated.Common(ide.project, type.factory(), "common"));
    }

    @Test
    void inXmlBelowATag() throws Exception {
        delivered(new Delegated.InXml(ide.project, type.factory(), "xml", false));
    }

    @Test
    void inXmlInAnOption() throws Exception {
        delivered(new Delegated.InXml(ide.project, type.factory(), "option", true));
    }

    @Test
    void whatTakesNoneIsRefused() throws Exception {
        Delegated attach = new Delegated.Attach(ide.project, type.factory(), "attach");
        String before = saved(attach);
        Delivery.Refused refused = assertThrows(Delivery.Refused.class, () -> Delivery.copyWith(attach, Map.of("A", "1")));
        assertTrue(refused.getMessage().contains("\"Shell\"") && refused.getMessage().contains("\"attach\""), refused.getMessage());
        assertEquals(before, saved(attach));
        ide.add(attach);
        DebugInCluster configuration = ide.debugInCluster();
        Plan plan = new Plan();
        plan.service = "cart";
        plan.delegateType = type.getId();
        plan.delegateName = "attach";
        configuration.setPlan(plan);
        String told = assertThrows(RuntimeConfigurationException.class, configuration::checkConfiguration).getMessage();
        assertEquals(refused.getMessage(), told);
        Exception launched = assertThrows(Exception.class, () -> new Launch(null, configuration, null).begin());
        assertEquals(refused.getMessage(), launched.getMessage());
    }

    @Test
    void anotherPort() throws Exception {
        Delegated attach = new Delegated.Attach(ide.project, type.factory(), "attach");
        String before = saved(attach);
        assertEquals("41005", ((Delegated) Delivery.copyWithPort(attach, 5005, 41005)).port);
        assertEquals(before, saved(attach));
        assertThrows(Delivery.Refused.class, () -> Delivery.copyWithPort(attach, 5006, 41005));
    }

    @Test
    void aPlanIsSavedWithItsConfiguration() throws Exception {
        DebugInCluster configuration = ide.debugInCluster();
        Plan plan = new Plan();
        plan.service = "cart";
        plan.localPort = 8080;
        configuration.setPlan(plan);
        DebugInCluster read = ide.debugInCluster();
        read.readExternal(Delivery.saved(configuration));
        assertEquals(plan.save(), read.plan().save());
        DebugInCluster copy = (DebugInCluster) configuration.clone();
        copy.plan().service = "prices";
        assertEquals("cart", configuration.plan().service);
        assertTrue(saved(configuration).contains("<kubetunnel localPort=\"8080\" service=\"cart\" />"), saved(configuration));
    }

    @Test
    void theActionMakesOneForTheSelectedAndFindsItAgain() {
        Delegated chosen = new Delegated.Common(ide.project, type.factory(), "my cart");
        ide.manager.setSelectedConfiguration(ide.add(chosen));
        DebugInCluster made = (DebugInCluster) DebugInClusterAction.settingsFor(ide.project).getConfiguration();
        assertEquals("my cart", made.plan().delegateName);
        assertEquals(type.getId(), made.plan().delegateType);
        assertEquals(2, ide.manager.getAllSettings().size());
        ide.manager.setSelectedConfiguration(ide.manager.findSettings(chosen));
        assertEquals(made, DebugInClusterAction.settingsFor(ide.project).getConfiguration());
        assertEquals(made, DebugInClusterAction.settingsFor(ide.project).getConfiguration());
        assertEquals(2, ide.manager.getAllSettings().size());
    }
}
