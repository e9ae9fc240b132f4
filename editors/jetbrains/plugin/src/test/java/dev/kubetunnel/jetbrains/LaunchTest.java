package dev.kubetunnel.jetbrains;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.intellij.execution.process.OSProcessHandler;
import com.intellij.execution.process.ProcessAdapter;
import com.intellij.execution.process.ProcessEvent;
import com.intellij.openapi.util.Key;
import dev.kubetunnel.core.Folders;
import dev.kubetunnel.core.Jdb;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.core.Stage;
import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.State;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Debug button, with real processes on a real cluster; and each of the ends. */
@Tag("cluster")
class LaunchTest {
    private static final long LIMIT_SECONDS = 180;
    private static final String CALL = "http://cart/cart/ann";

    private final Delegated.Type type = new Delegated.Type();
    private Headless ide;
    private int port;

    @BeforeEach
    void open() throws Exception {
        Delegated.STARTED.clear();
        Delegated.WRITTEN.clear();
        ide = new Headless();
        port = Stage.freePort();
    }

    /** However a test ends, nothing is left: no session, no process. */
    @AfterEach
    void close() throws Exception {
        Delegated.STARTED.forEach(process -> process.getProcess().destroyForcibly());
        ide.close();
        Stage.restored("cart");
        assertEquals(0, ProcessHandle.current().children().filter(child -> child.info().command().orElse("").endsWith("tunnel-server")).count());
    }

    private Delegated cart() {
        Delegated cart = new Delegated.Common(ide.project, type.factory(), "cart");
        cart.command = List.of(Folders.project().resolve("bin/image/cart").toString());
        cart.variables.put("LISTEN", "127.0.0.1:" + port);
        ide.add(cart);
        return cart;
    }

    private DebugInCluster inCluster(String delegate) {
        DebugInCluster configuration = ide.debugInCluster();
        Plan plan = new Plan();
        plan.service = "cart";
        plan.localPort = port;
        plan.delegateType = type.getId();
        plan.delegateName = delegate;
        configuration.setPlan(plan);
        return configuration;
    }

    /** The process, once the Debug button has brought it up. */
    private OSProcessHandler started() {
        return Stage.until("the process to be started", () -> {
            if (!ide.notifications.isEmpty()) {
                throw new IllegalStateException(ide.notifications.get(0).getContent());
            }
            return Delegated.STARTED.get(0);
        });
    }

    private SessionInfo over() {
        return Stage.until("the session to be over", () -> {
            SessionInfo info = KubeTunnel.of(ide.project).sessions().get(0);
            if (!Words.isOver(info)) {
                throw new IllegalStateException(Words.state(info));
            }
            return info;
        });
    }

    private OSProcessHandler live() throws Exception {
        ide.debug(inCluster(cart().getName()));
        OSProcessHandler process = started();
        JsonObject answer = Stage.callUntilHere(CALL).get(LIMIT_SECONDS, TimeUnit.SECONDS);
        assertEquals(1055, answer.get("total").getAsInt());
        assertEquals("EUR", answer.getAsJsonObject("settings").get("currency").getAsString());
        return process;
    }

    @Test
    void theOriginalIsNotTouchedAndStopIsTheEnd() throws Exception {
        Delegated original = cart();
        String before = DeliveryTest.saved(original);
        ide.debug(inCluster("cart"));
        OSProcessHandler process = started();
        StringBuffer told = Delegated.WRITTEN.get(0);
        JsonObject answer = Stage.callUntilHere(CALL).get(LIMIT_SECONDS, TimeUnit.SECONDS);
        assertEquals("13 characters", answer.getAsJsonObject("settings").get("token").getAsString());
        assertEquals(before, DeliveryTest.saved(original));
        assertEquals(1, ide.manager.getAllSettings().size(), "the copy is not kept");
        Stage.until("the console to be told", () -> {
            if (!told.toString().contains("KubeTunnel: shop/cart is live")) {
                throw new IllegalStateException(told.toString());
            }
            return null;
        });
        assertTrue(told.toString().contains("KUBETUNNEL_ROOT"), "the limits of the way are told: " + told);
        process.destroyProcess();
        SessionInfo ended = over();
        assertEquals(State.ENDED, ended.state);
        assertTrue(ended.receipt.restored);
        assertEquals(before, DeliveryTest.saved(original));
        assertTrue(ide.notifications.isEmpty(), ide.notifications.toString());
    }

    @Test
    void theProcessEndsByItself() throws Exception {
        OSProcessHandler process = live();
        process.getProcess().destroyForcibly();
        assertEquals(State.ENDED, over().state);
    }

    @Test
    void theProjectIsClosed() throws Exception {
        live();
        ide.closeProject();
        Stage.restored("cart");
    }

    @Test
    void theIdeIsClosed() throws Exception {
        live();
        ide.close();
        Stage.restored("cart");
    }

    @Test
    void theConfigurationDoesNotStart() throws Exception {
        cart().command = List.of("/nowhere/cart");
        ide.debug(inCluster("cart"));
        assertEquals(State.ENDED, over().state);
        assertTrue(Delegated.STARTED.isEmpty());
    }

    @Test
    void theStartIsCancelled() throws Exception {
        cart();
        ide.debug(inCluster("cart"));
        Stage.until("the start to be under way", () -> KubeTunnel.of(ide.project).sessions().get(0));
        ide.progress.cancel();
        over();
        assertTrue(Delegated.STARTED.isEmpty());
        assertTrue(ide.notifications.isEmpty(), ide.notifications.toString());
    }

    @Test
    void theEditorsListsAreLiveAndItsFindingsAreMended() throws Exception {
        cart();
        DebugInCluster configuration = inCluster("cart");
        configuration.plan().service = "carte";
        DebugInClusterEditor editor = Headless.onUi(() -> {
            DebugInClusterEditor fresh = new DebugInClusterEditor(ide.project);
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
        cart();
        DebugInCluster configuration = inCluster("cart");
        configuration.plan().service = "carte";
        ide.debug(configuration);
        assertTrue(ide.notified().getContent().startsWith("KT1201: "), ide.notified().getContent());
        assertFalse(ide.notified().getActions().isEmpty());
        assertTrue(Delegated.STARTED.isEmpty());
    }

    @Test
    void theServerIsKilled() throws Exception {
        live();
        KubeTunnel.of(ide.project).connection().process().destroyForcibly();
        assertTrue(ide.notified().getTitle().startsWith("tunnel-server ended"), ide.notified().getTitle());
        Stage.restored("cart");
    }

    @Test
    void theIdeIsKilled() throws Exception {
        Process victim = new ProcessBuilder(ProcessHandle.current().info().command().orElseThrow(), "-Djava.awt.headless=true",
                "-Didea.home.path=" + System.getProperty("idea.home.path"), "--add-opens", "java.base/java.util=ALL-UNNAMED",
                "--add-opens", "java.base/java.lang=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), Victim.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        List<ProcessHandle> programs = List.of();
        try {
            String said = victim.inputReader().readLine();
            assertTrue("live".equals(said), said);
            programs = victim.descendants().filter(child -> child.info().command().orElse("").endsWith("/cart")).toList();
            assertEquals(1, programs.size());
            victim.destroyForcibly().waitFor();
            Stage.restored("cart");
        } finally {
            victim.descendants().forEach(ProcessHandle::destroyForcibly);
            victim.destroyForcibly();
            programs.forEach(ProcessHandle::destroyForcibly); // an IDE's child is not ours to end
        }
    }

    /** An IDE that is about to be killed. */
    static final class Victim {
        public static void main(String[] args) throws Exception {
            LaunchTest test = new LaunchTest();
            test.open();
            test.live();
            System.out.println("live");
            Thread.currentThread().join();
        }
    }

    @Test
    void aDebuggerAttachesToTheProgramInThePodsPlace(@TempDir Path classes) throws Exception {
        Stage.compileCart(classes);
        Delegated attach = new Delegated.Attach(ide.project, type.factory(), "attach");
        attach.command = List.of("jdb", "-sourcepath", Stage.cartSource().getParent().toString(), "-attach", "127.0.0.1:{port}");
        ide.add(attach);
        String before = DeliveryTest.saved(attach);
        DebugInCluster configuration = inCluster("attach");
        Plan plan = configuration.plan();
        plan.way = Plan.Way.ATTACH;
        plan.command = "env LISTEN=127.0.0.1:" + port + " java -cp '" + classes + "' Cart";
        ide.debug(configuration);
        Prompt jdb = new Prompt(started());
        jdb.until("main[1] ");
        jdb.say("stop at Cart:" + Jdb.breakpointLine());
        jdb.until("main[1] ");
        jdb.say("cont");
        CompletableFuture<JsonObject> answered = Stage.callUntilHere(CALL);
        jdb.until("Breakpoint hit:");
        jdb.until("[1] ");
        jdb.say("print currency");
        jdb.until("currency = \"EUR\"");
        jdb.say("clear Cart:" + Jdb.breakpointLine());
        jdb.say("cont");
        assertEquals("EUR", answered.get(LIMIT_SECONDS, TimeUnit.SECONDS).get("currency").getAsString());
        assertEquals(before, DeliveryTest.saved(attach));
        assertTrue(ide.console.text().contains("Listening for transport"), ide.console.text());
        ide.console.process.destroyProcess();
        assertTrue(ide.console.process.waitFor(TimeUnit.SECONDS.toMillis(LIMIT_SECONDS)));
        assertEquals(State.ENDED, over().state);
        assertTrue(ide.console.text().contains("the Service is as it was before"), ide.console.text());
    }

    /** A debugger at its prompt, below a process handler. */
    private static final class Prompt {
        private final OSProcessHandler process;
        private final StringBuilder seen = new StringBuilder();

        Prompt(OSProcessHandler process) {
            this.process = process;
            process.addProcessListener(new ProcessAdapter() {
                @Override
                public void onTextAvailable(ProcessEvent event, Key key) {
                    synchronized (seen) {
                        seen.append(event.getText());
                    }
                }
            });
        }

        void say(String line) throws Exception {
            OutputStream in = process.getProcessInput();
            in.write((line + "\n").getBytes(StandardCharsets.UTF_8));
            in.flush();
        }

        void until(String want) {
            Stage.until("\"" + want + "\" of jdb", () -> {
                synchronized (seen) {
                    int at = seen.indexOf(want);
                    if (at < 0) {
                        throw new IllegalStateException(seen.toString());
                    }
                    seen.delete(0, at + want.length());
                    return null;
                }
            });
        }
    }
}
