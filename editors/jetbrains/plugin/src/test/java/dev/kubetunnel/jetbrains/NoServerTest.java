package dev.kubetunnel.jetbrains;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.intellij.execution.executors.DefaultDebugExecutor;
import com.intellij.execution.process.OSProcessHandler;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.intellij.execution.runners.ExecutionEnvironmentBuilder;
import com.intellij.execution.ui.RunContentDescriptor;
import dev.kubetunnel.core.Folders;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.core.Stage;
import dev.kubetunnel.core.Starting;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What needs no cluster: a server that can't be started. */
class NoServerTest {
    private final Delegated.Type type = new Delegated.Type();
    private Headless ide;

    @BeforeEach
    void open() {
        Delegated.forget();
        ide = new Headless();
        new Options("/nowhere/tunnel-server", "").save();
    }

    @AfterEach
    void close() throws Exception {
        ide.close();
    }

    private DebugInCluster inCluster() {
        Delegated cart = new Delegated.Common(ide.project, type.factory(), "cart");
        cart.command = List.of("true");
        ide.add(cart);
        DebugInCluster configuration = ide.debugInCluster();
        Plan plan = new Plan();
        plan.service = "cart";
        plan.delegateType = type.getId();
        plan.delegateName = "cart";
        configuration.setPlan(plan);
        return configuration;
    }

    @Test
    void itIsNotifiedAndNothingIsStarted() throws Exception {
        ide.debug(inCluster());
        assertTrue(ide.notified().getContent().contains("/nowhere/tunnel-server"), ide.notified().getContent());
        assertEquals("Debug in cluster: cart", ide.notified().getTitle());
        assertTrue(Delegated.STARTED.isEmpty());
    }

    @Test
    void itIsAFindingOfTheEditor() throws Exception {
        DebugInCluster configuration = inCluster();
        configuration.checkConfiguration(); // nothing is known yet, and nothing is asked
        KubeTunnel.of(ide.project).preflights().ask(configuration.plan(), () -> false);
        try {
            configuration.checkConfiguration();
        } catch (com.intellij.execution.configurations.RuntimeConfigurationError e) {
            assertTrue(e.getMessage().contains("/nowhere/tunnel-server"), e.getMessage());
            return;
        }
        throw new AssertionError("no finding");
    }

    /** One that starts, and never answers. */
    private Path silent(Path folder) throws Exception {
        Path program = Files.writeString(folder.resolve("tunnel-server"), "#!/bin/sh\nexec sleep 1000\n");
        assertTrue(program.toFile().setExecutable(true));
        new Options(program.toString(), "").save();
        return program;
    }

    private static List<ProcessHandle> sleeping() {
        return ProcessHandle.current().children().filter(child -> child.info().command().orElse("").endsWith("/sleep")).toList();
    }

    @Test
    void oneThatDoesNotAnswerHoldsUpNobody(@TempDir Path folder) throws Exception {
        silent(folder);
        DebugInCluster configuration = inCluster();
        Headless.onUi(() -> {
            configuration.checkConfiguration();
            DebugInClusterEditor editor = new DebugInClusterEditor(ide.project);
            editor.getComponent();
            editor.resetFrom(configuration);
            assertEquals("Looking at the cluster …", editor.form().findings());
            com.intellij.openapi.util.Disposer.dispose(editor);
            return null;
        });
        ide.debug(configuration);
        ide.progress.cancel();
        ide.task.join();
        assertTrue(ide.notifications.isEmpty(), ide.notifications.toString());
        assertEquals(1, Stage.until("it to run", () -> {
            assertFalse(sleeping().isEmpty());
            return sleeping();
        }).size());
        ide.closeProject();
        Stage.until("it to be gone", () -> {
            assertTrue(sleeping().isEmpty());
            return null;
        });
        assertTrue(Delegated.STARTED.isEmpty());
    }

    @Test
    void theEditorsQuestionsEndWithIt(@TempDir Path folder) throws Exception {
        silent(folder);
        KubeTunnel kubetunnel = KubeTunnel.of(ide.project);
        boolean[] closed = {false};
        Thread question = new Thread(() -> kubetunnel.preflights().ask(inCluster().plan(), () -> closed[0]));
        question.start();
        closed[0] = true;
        question.join();
        assertTrue(kubetunnel.preflights().known(inCluster().plan()).isEmpty(), "what was not asked is not known");
    }

    @Test
    void theActionAsksForWhatIsMissing() throws Exception {
        DebugInClusterAction.debug(ide.project);
        assertTrue(ide.notified().getContent().startsWith("Select a run configuration first"), ide.notified().getContent());
    }

    /** The real server, without a cluster. */
    private ProcessHandle server() throws Exception {
        new Options(Folders.project().resolve("bin/tunnel-server").toString(), "").save();
        ProcessHandle server = KubeTunnel.of(ide.project).connection().process();
        assertTrue(server.isAlive());
        return server;
    }

    @Test
    void theServerEndsWithTheProject() throws Exception {
        ProcessHandle server = server();
        ide.closeProject();
        assertFalse(server.isAlive());
    }

    @Test
    void theServerEndsWithTheIde() throws Exception {
        ProcessHandle server = server();
        ide.close();
        assertFalse(server.isAlive());
    }

    @Test
    void aRunningDelegateIsNoHindrance() throws Exception {
        ProcessHandle server = server();
        new Delegate(ide.project, KubeTunnel.of(ide.project), new Plan(), new Starting.Started(null, Map.of(), List.of(), 0, 0)).watchStart(null);
        ide.close();
        assertFalse(server.isAlive());
    }

    /** That the tests' own configurations run, so that a failure with a cluster is not theirs. */
    @Test
    void aDelegateRunsByItself() throws Exception {
        Delegated cart = new Delegated.Common(ide.project, type.factory(), "cart");
        cart.command = List.of("true");
        RunContentDescriptor[] told = new RunContentDescriptor[1];
        ExecutionEnvironment environment = ExecutionEnvironmentBuilder.create(new DefaultDebugExecutor(), ide.add(cart)).build();
        Headless.onUi(() -> {
            environment.getRunner().execute(environment, descriptor -> told[0] = descriptor);
            return null;
        });
        OSProcessHandler process = Delegated.STARTED.get(0);
        assertEquals(process, told[0].getProcessHandler());
        assertTrue(process.waitFor());
    }
}
