package dev.kubetunnel.jetbrains;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.intellij.execution.process.OSProcessHandler;
import dev.kubetunnel.core.OtherJvm;
import dev.kubetunnel.core.Stage;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.State;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Each way in which a session ends, with a real process, by both ways to debug. That the Services are as they were, and
 * that nothing of the operator's is left, is looked at after each.
 */
@Tag("cluster")
class EndsTest {
    @RegisterExtension
    private final Desk desk = new Desk();

    @Test
    void theProcessEnds() throws Exception {
        desk.live().getProcess().destroyForcibly();
        assertEquals(State.ENDED, desk.over().state);
    }

    @Test
    void theSessionsProcessEnds() throws Exception {
        desk.liveInSession().destroyForcibly();
        SessionInfo ended = desk.over();
        assertTrue(ended.receipt.restored);
        desk.consoleTold("the program has ended with code " + ended.exitCode);
        desk.consoleEnded();
        assertEquals(ended.exitCode.intValue(), desk.ide.console.process.getExitCode());
    }

    @Test
    void itIsStopped() throws Exception {
        OSProcessHandler process = desk.live();
        process.destroyProcess();
        assertEquals(State.ENDED, desk.over().state);
        Desk.gone(process.getProcess().toHandle());
    }

    @Test
    void theSessionsProcessIsStopped() throws Exception {
        ProcessHandle process = desk.liveInSession();
        desk.ide.console.process.destroyProcess();
        desk.consoleEnded();
        assertEquals(0, desk.ide.console.process.getExitCode());
        assertEquals(State.ENDED, desk.over().state);
        Desk.gone(process);
    }

    @Test
    void theConfigurationDoesNotStart() throws Exception {
        desk.delegate("cart").command = List.of("/nowhere/cart");
        desk.ide.debug(desk.inCluster("cart"));
        assertEquals(State.ENDED, desk.over().state);
        assertTrue(Delegated.STARTED.isEmpty());
    }

    @Test
    void theSessionsProcessDoesNotStart() throws Exception {
        desk.ide.debug(desk.inSession("cart", "/nowhere/cart"));
        desk.consoleTold("KT1706: the command /nowhere/cart can't be started");
        desk.consoleEnded();
        assertEquals(-1, desk.ide.console.process.getExitCode());
        assertEquals(State.FAILED, desk.over().state);
        assertTrue(desk.ide.notified().getContent().contains("KT1706"), desk.ide.notified().getContent());
    }

    @Test
    void theSessionsProcessEndsBeforeItListens() throws Exception {
        desk.ide.add(new Delegated.Attach(desk.ide.project, desk.type.factory(), "attach"));
        DebugInCluster configuration = desk.inSession("cart", "sh -c 'echo no such option; exit 3'");
        configuration.plan().debugPort = 5005;
        configuration.plan().delegateType = desk.type.getId();
        configuration.plan().delegateName = "attach";
        desk.ide.debug(configuration);
        desk.ide.notified();
        desk.consoleTold("no such option");
        desk.consoleEnded();
        assertEquals(3, desk.ide.console.process.getExitCode());
        assertTrue(Delegated.STARTED.isEmpty());
    }

    @Test
    void theStartIsCancelled() throws Exception {
        desk.delegate("cart");
        desk.ide.debug(desk.inCluster("cart"));
        Stage.until("the start to be under way", () -> KubeTunnel.of(desk.ide.project).sessions().get(0));
        desk.ide.progress.cancel();
        desk.over();
        assertTrue(Delegated.STARTED.isEmpty());
        assertTrue(desk.ide.notifications.isEmpty(), desk.ide.notifications.toString());
    }

    @Test
    void theWaitForTheDebugServerIsCancelled() throws Exception {
        Delegated attach = new Delegated.Attach(desk.ide.project, desk.type.factory(), "attach");
        desk.ide.add(attach);
        DebugInCluster configuration = desk.inSession("cart", "sleep 1000"); // it never listens
        configuration.plan().debugPort = 5005;
        configuration.plan().delegateType = desk.type.getId();
        configuration.plan().delegateName = "attach";
        desk.ide.debug(configuration);
        ProcessHandle process = desk.inSandbox("sleep");
        desk.ide.progress.cancel();
        desk.over();
        Desk.gone(process);
        assertTrue(Delegated.STARTED.isEmpty());
        assertTrue(desk.ide.notifications.isEmpty(), desk.ide.notifications.toString());
    }

    @Test
    void theSessionIsEndedByOthers() throws Exception {
        OSProcessHandler process = desk.live();
        Headless.onUi(() -> {
            ClusterView view = new ClusterView(KubeTunnel.of(desk.ide.project));
            view.stop(KubeTunnel.of(desk.ide.project).sessions().get(0));
            return null;
        });
        assertEquals(State.ENDED, desk.over().state);
        desk.told(0, "this program is not the pod any more");
        assertFalse(process.isProcessTerminated(), "it is the user's");
    }

    @Test
    void theProjectIsClosed() throws Exception {
        desk.live();
        desk.ide.closeProject();
        Stage.restored("cart");
    }

    @Test
    void theProjectOfTheSessionsProcessIsClosed() throws Exception {
        ProcessHandle process = desk.liveInSession();
        desk.ide.closeProject();
        assertFalse(process.isAlive());
    }

    @Test
    void theIdeIsClosed() throws Exception {
        desk.live();
        desk.ide.close();
        Stage.restored("cart");
    }

    @Test
    void theIdeIsClosedWhileTheSessionStarts() throws Exception {
        desk.delegate("cart");
        desk.ide.debug(desk.inCluster("cart"));
        Stage.until("the start to be under way", () -> KubeTunnel.of(desk.ide.project).sessions().get(0));
        desk.ide.close();
        Stage.restored("cart");
        assertTrue(Delegated.STARTED.isEmpty());
    }

    @Test
    void theServerIsKilled() throws Exception {
        OSProcessHandler process = desk.live();
        KubeTunnel.of(desk.ide.project).connection().process().destroyForcibly();
        assertTrue(desk.ide.notified().getTitle().startsWith("tunnel-server ended"), desk.ide.notified().getTitle());
        desk.told(0, "KubeTunnel: tunnel-server ended with code");
        desk.told(0, "stop it, and start it again to go on");
        assertFalse(process.isProcessTerminated(), "it is the user's");
        Stage.restored("cart");
    }

    @Test
    void theServerOfTheSessionsProcessIsKilled() throws Exception {
        ProcessHandle process = desk.liveInSession();
        KubeTunnel.of(desk.ide.project).connection().process().destroyForcibly();
        desk.consoleTold("KubeTunnel: tunnel-server ended with code");
        desk.consoleTold("start it again");
        desk.consoleEnded();
        Desk.gone(process);
        Stage.restored("cart");
    }

    @Test
    void theIdeIsKilled() throws Exception {
        killed(false);
    }

    @Test
    void theIdeOfTheSessionsProcessIsKilled() throws Exception {
        killed(true);
    }

    private static void killed(boolean inSession) throws Exception {
        Process victim = OtherJvm.start(Victim.class, String.valueOf(inSession));
        List<ProcessHandle> programs = List.of();
        try {
            assertEquals("live", victim.inputReader().readLine());
            programs = victim.descendants().filter(child -> Desk.isCommand(child, "cart")).toList();
            assertEquals(1, programs.size());
            victim.destroyForcibly().waitFor(); // SIGKILL: nothing of it runs any more
            Stage.restored("cart");
            if (inSession) {
                Desk.gone(programs.get(0));
            } else {
                assertTrue(programs.get(0).isAlive(), "an IDE's child is not ours to end");
            }
        } finally {
            victim.descendants().forEach(ProcessHandle::destroyForcibly);
            victim.destroyForcibly();
            programs.forEach(ProcessHandle::destroyForcibly);
        }
    }

    /** An IDE that is about to be killed. */
    static final class Victim {
        public static void main(String[] args) throws Exception {
            Desk desk = new Desk();
            desk.open();
            if (Boolean.parseBoolean(args[0])) {
                desk.liveInSession();
            } else {
                desk.live();
            }
            System.out.println("live");
            Thread.currentThread().join();
        }
    }
}
