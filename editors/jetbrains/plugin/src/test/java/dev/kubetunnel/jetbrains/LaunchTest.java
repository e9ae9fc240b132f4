package dev.kubetunnel.jetbrains;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.intellij.execution.BeforeRunTask;
import com.intellij.execution.RunnerAndConfigurationSettings;
import com.intellij.execution.process.OSProcessHandler;
import com.intellij.openapi.util.Key;
import dev.kubetunnel.core.Jdb;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.core.Stage;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.State;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The Debug button, with real processes on a real cluster. */
@Tag("cluster")
class LaunchTest {
    @RegisterExtension
    private final Desk desk = new Desk();

    @Test
    void theOriginalIsNotTouchedAndStopIsTheEnd() throws Exception {
        Delegated original = desk.delegate("cart");
        BeforeRunTask<?> task = new BeforeRunTask<>(Key.create("test.build")) { };
        original.setBeforeRunTasks(List.of(task));
        String before = DeliveryTest.saved(original);
        desk.ide.debug(desk.inCluster("cart"));
        OSProcessHandler process = desk.started(0);
        JsonObject answer = Stage.get(Stage.callUntilHere(Desk.CALL));
        assertEquals("13 characters", answer.getAsJsonObject("settings").get("token").getAsString());
        assertEquals(List.of(task), Delegated.before, "what the user has it do before a start");
        assertEquals(before, DeliveryTest.saved(original));
        assertEquals(1, desk.ide.manager.getAllSettings().size(), "the copy is not kept");
        desk.told(0, "KubeTunnel: Opened the tunnel (");
        desk.told(0, "KubeTunnel: shop/cart is live");
        desk.told(0, "KUBETUNNEL_ROOT"); // the limits of the way
        process.destroyProcess();
        SessionInfo ended = desk.over();
        assertEquals(State.ENDED, ended.state);
        assertTrue(ended.receipt.restored);
        assertEquals(before, DeliveryTest.saved(original));
        assertTrue(desk.ide.notifications.isEmpty(), desk.ide.notifications.toString());
    }

    @Test
    void theRunIsTheConfigurationsAndIsRunAgainWithASessionOfItsOwn() throws Exception {
        desk.delegate("cart");
        RunnerAndConfigurationSettings settings = desk.ide.run(desk.inCluster("cart"));
        OSProcessHandler first = desk.started(0);
        Stage.get(Stage.callUntilHere(Desk.CALL));
        assertEquals(List.of(first), desk.ide.executions.running(settings));
        // Rerun, the button beside the console.
        Headless.onUi(() -> {
            desk.ide.executions.restartRunProfile(Delegated.ENVIRONMENTS.get(0));
            return null;
        });
        OSProcessHandler second = desk.started(1);
        assertTrue(first.isProcessTerminated());
        Stage.get(Stage.callUntilHere(Desk.CALL));
        assertEquals(List.of(second), desk.ide.executions.running(settings));
        List<SessionInfo> sessions = KubeTunnel.of(desk.ide.project).sessions();
        assertEquals(List.of(State.LIVE, State.ENDED), sessions.stream().map(info -> info.state).toList());
        assertTrue(desk.ide.notifications.isEmpty(), desk.ide.notifications.toString());
    }

    @Test
    void twiceOnOneServiceTheSecondIsRefusedAndTheFirstGoesOn() throws Exception {
        OSProcessHandler process = desk.live();
        desk.ide.debug(desk.inCluster("cart"));
        assertTrue(desk.ide.notified().getContent().startsWith("KT1401: "), desk.ide.notified().getContent());
        assertEquals(1, Delegated.STARTED.size());
        assertFalse(process.isProcessTerminated());
        Stage.get(Stage.callUntilHere(Desk.CALL));
    }

    @Test
    void twoServicesAreDebuggedAtOnceAndEndByThemselves() throws Exception {
        OSProcessHandler cart = desk.live();
        DebugInCluster prices = desk.inSession("prices", Desk.program("prices"));
        desk.ide.run(prices);
        Stage.get(Stage.callUntilHere("http://prices/prices/apple"));
        Stage.get(Stage.callUntilHere(Desk.CALL));
        desk.ide.console.process.destroyProcess();
        Stage.same("prices");
        assertFalse(cart.isProcessTerminated());
        Stage.get(Stage.callUntilHere(Desk.CALL));
    }

    @Test
    void aDebuggerAttachesToTheProgramInThePodsPlace(@TempDir Path classes) throws Exception {
        Delegated attach = new Delegated.Attach(desk.ide.project, desk.type.factory(), "attach");
        attach.command = Jdb.command();
        desk.ide.add(attach);
        String before = DeliveryTest.saved(attach);
        DebugInCluster configuration = desk.inSession("stock", Stage.stock(classes));
        Plan plan = configuration.plan();
        plan.delegateType = desk.type.getId();
        plan.delegateName = "attach";
        desk.ide.debug(configuration);
        OSProcessHandler process = desk.started(0);
        new Jdb(process.getProcessInput(), Delegated.WRITTEN.get(0)::toString).debugACall();
        assertEquals(before, DeliveryTest.saved(attach));
        desk.consoleTold("Listening for transport");
        desk.consoleTold("KubeTunnel: Switched the Service (");
        desk.ide.console.process.destroyProcess();
        assertEquals(State.ENDED, desk.over().state);
        desk.consoleTold("the Service is as it was before");
        desk.consoleEnded();
    }

    @Test
    void theEditorsListsAreLiveAndItsFindingsAreMended() throws Exception {
        desk.delegate("cart");
        DebugInCluster configuration = desk.inCluster("cart");
        configuration.plan().service = "carte";
        DebugInClusterEditor editor = Headless.onUi(() -> {
            DebugInClusterEditor fresh = new DebugInClusterEditor(desk.ide.project);
            fresh.getComponent();
            fresh.resetFrom(configuration);
            return fresh;
        });
        Stage.until("the editor to know the cluster", () -> Headless.onUi(() -> {
            assertTrue(editor.form().services().containsAll(List.of("cart", "prices", "web")), editor.form().services().toString());
            assertTrue(editor.form().findings().startsWith("KT1201: "), editor.form().findings());
            return null;
        }));
        Headless.onUi(() -> {
            editor.form().mend();
            return null;
        });
        Stage.until("the mended target to be found good", () -> Headless.onUi(() -> {
            assertEquals("cart", editor.form().plan().service);
            assertEquals("The Service can be debugged.", editor.form().findings());
            return null;
        }));
        Headless.onUi(() -> {
            editor.applyTo(configuration);
            com.intellij.openapi.util.Disposer.dispose(editor);
            return null;
        });
        assertEquals("cart", configuration.plan().service);
        configuration.checkConfiguration();
    }

    @Test
    void aRefusalIsNotifiedWithItsNumber() throws Exception {
        desk.delegate("cart");
        DebugInCluster configuration = desk.inCluster("cart");
        configuration.plan().service = "carte";
        desk.ide.debug(configuration);
        assertTrue(desk.ide.notified().getContent().startsWith("KT1201: "), desk.ide.notified().getContent());
        assertFalse(desk.ide.notified().getActions().isEmpty());
        assertTrue(Delegated.STARTED.isEmpty());
    }
}
