package dev.kubetunnel.jetbrains;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonObject;
import com.intellij.execution.process.OSProcessHandler;
import dev.kubetunnel.core.Folders;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.core.Stage;
import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import java.util.List;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A developer's desk, for each test its own: an IDE with run configurations that start real programs, and a real cluster. */
final class Desk implements BeforeEachCallback, AfterEachCallback {
    static final String CALL = "http://cart/cart/ann";

    Delegated.Type type;
    Headless ide;
    int port;

    @Override
    public void beforeEach(ExtensionContext context) throws Exception {
        open();
    }

    @Override
    public void afterEach(ExtensionContext context) throws Exception {
        close();
    }

    void open() throws Exception {
        Delegated.forget();
        type = new Delegated.Type();
        ide = new Headless();
        port = Stage.freePort();
    }

    /** However a test has ended, nothing is left: no session, no process. */
    void close() throws Exception {
        Delegated.STARTED.forEach(process -> process.getProcess().destroyForcibly());
        ide.close();
        for (String service : List.of("cart", "prices", "stock")) {
            Stage.restored(service);
        }
        assertEquals(0, ProcessHandle.current().children().filter(child -> isCommand(child, "tunnel-server")).count());
    }

    static boolean isCommand(ProcessHandle process, String name) {
        return process.info().command().orElse("").endsWith("/" + name);
    }

    /** The path of a service of the shop that was built for this machine. */
    static String program(String service) {
        return Folders.project().resolve("bin/image/" + service).toString();
    }

    /** A configuration of the user's that runs a service of the shop. */
    Delegated delegate(String service) {
        Delegated delegate = new Delegated.Common(ide.project, type.factory(), service);
        delegate.command = List.of(program(service));
        delegate.variables.put("LISTEN", "127.0.0.1:" + port);
        ide.add(delegate);
        return delegate;
    }

    /** Debug in cluster, by which the IDE runs a configuration. */
    DebugInCluster inCluster(String delegate) {
        DebugInCluster configuration = ide.debugInCluster();
        Plan plan = new Plan();
        plan.service = "cart";
        plan.localPort = port;
        plan.delegateType = type.getId();
        plan.delegateName = delegate;
        configuration.setPlan(plan);
        return configuration;
    }

    /** Debug in cluster, by which the session runs a command, and nothing attaches to it. */
    DebugInCluster inSession(String service, String command) {
        DebugInCluster configuration = ide.debugInCluster();
        Plan plan = new Plan();
        plan.service = service;
        plan.way = Plan.Way.ATTACH;
        plan.command = command;
        configuration.setPlan(plan);
        return configuration;
    }

    /** Cart, run by the IDE, which the cluster's calls come to. */
    OSProcessHandler live() throws Exception {
        ide.debug(inCluster(delegate("cart").getName()));
        OSProcessHandler process = started(0);
        JsonObject answer = Stage.get(Stage.callUntilHere(CALL));
        assertEquals(1055, answer.get("total").getAsInt());
        assertEquals("EUR", answer.getAsJsonObject("settings").get("currency").getAsString());
        return process;
    }

    /** Cart, run by the session, which the cluster's calls come to. */
    ProcessHandle liveInSession() throws Exception {
        ide.run(inSession("cart", program("cart")));
        Stage.get(Stage.callUntilHere(CALL));
        return inSandbox("cart");
    }

    /** The process that a session runs in its sandbox, by the name of its command. */
    ProcessHandle inSandbox(String name) {
        return Stage.until("the session's " + name, () -> ProcessHandle.current().descendants()
                .filter(process -> isCommand(process, name)).findFirst().orElseThrow());
    }

    /** The nth process that the IDE has started. */
    OSProcessHandler started(int n) {
        return Stage.until("the process to be started", () -> {
            if (!ide.notifications.isEmpty()) {
                throw new IllegalStateException(ide.notifications.get(0).getContent());
            }
            return Delegated.STARTED.get(n);
        });
    }

    /** The last session, once it is over. */
    SessionInfo over() {
        return Stage.until("the session to be over", () -> {
            SessionInfo info = KubeTunnel.of(ide.project).sessions().get(0);
            if (!Words.isOver(info)) {
                throw new IllegalStateException(Words.state(info));
            }
            return info;
        });
    }

    static void gone(ProcessHandle process) {
        Stage.until("process " + process.pid() + " to be gone", () -> {
            if (process.isAlive()) {
                throw new IllegalStateException("it runs");
            }
            return null;
        });
    }

    /** Waits until the nth process' console was told something. */
    void told(int n, String want) {
        contains(() -> Delegated.WRITTEN.get(n).toString(), want);
    }

    /** The same of the console of the session's program. */
    void consoleTold(String want) {
        contains(ide.console::text, want);
    }

    /** Waits until the IDE shows the session's program as ended. */
    void consoleEnded() {
        Stage.until("the program's end", () -> {
            if (!ide.console.process.isProcessTerminated()) {
                throw new IllegalStateException(ide.console.text());
            }
            return null;
        });
    }

    private static void contains(java.util.function.Supplier<String> console, String want) {
        Stage.until("the console to be told \"" + want + "\"", () -> {
            if (!console.get().contains(want)) {
                throw new IllegalStateException(console.get());
            }
            return null;
        });
    }
}
