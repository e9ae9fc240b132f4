package dev.kubetunnel.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import dev.kubetunnel.protocol.Protocol.*;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real tunnel-server on a real cluster. */
@Tag("cluster")
class SessionTest {
    private static final String CALL = "http://cart/cart/ann";

    private final ConcurrentLinkedQueue<String> states = new ConcurrentLinkedQueue<>();
    private Connection connection;

    static Connection open(Events events) throws Failure {
        return Connection.open(new Settings("", "", System.getenv()), "test", "1", List.of(Folders.project()), events);
    }

    @BeforeEach
    void connect() throws Failure {
        connection = open(new Events() {
            @Override
            public void changed(SessionInfo info) {
                states.add(info.state);
            }
        });
    }

    @AfterEach
    void leave() {
        connection.close();
        connection.close();
        assertFalse(connection.isAlive());
        Stage.restored("cart");
        Stage.restored("stock");
    }

    static Plan outside(int port) {
        Plan plan = new Plan();
        plan.service = "cart";
        plan.localPort = port;
        plan.delegateName = "the test's own process";
        return plan;
    }

    static Process cart(Map<String, String> environment) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(Folders.project().resolve("bin/image/cart").toString()).inheritIO();
        builder.environment().putAll(environment);
        return builder.start();
    }

    private void join(String id, long process) throws Exception {
        JoinSessionParams join = new JoinSessionParams();
        join.id = id;
        join.processId = process;
        Stage.get(connection.answer(connection.server().joinSession(join)));
    }

    @Test
    void theClusterIsListedAndLookedOver() throws Exception {
        List<Service> services = Stage.get(connection.server().listServices(new ListServicesParams())).services;
        assertTrue(services.stream().anyMatch(service -> service.name.equals("cart")));
        PreflightParams params = new PreflightParams();
        params.target = new Target();
        params.target.service = "carte";
        List<Diagnostic> found = Stage.get(connection.server().preflight(params)).diagnostics;
        assertEquals(ErrorCode.SERVICE_NOT_FOUND, found.get(0).code);
        assertEquals("target.service", found.get(0).field);
    }

    @Test
    void aProgramThatWeStartIsThePodUntilTheStop() throws Exception {
        int port = Stage.freePort();
        Starting.Started started = Starting.start(connection, outside(port), "outside", Map.of("LISTEN", "127.0.0.1:" + port), true, new Starting.Waiting() {});
        assertEquals("EUR", started.environment().get("CURRENCY"));
        assertEquals("127.0.0.1:" + port, started.environment().get("LISTEN"));
        Process cart = cart(started.environment());
        try {
            join("outside", cart.pid());
            JsonObject answer = Stage.get(Stage.callUntilHere(CALL));
            assertEquals(1055, answer.get("total").getAsInt());
            assertEquals("13 characters", answer.getAsJsonObject("settings").get("token").getAsString());
            SessionInfo ended = Stage.get(started.session().stop());
            assertEquals(State.ENDED, ended.state);
            assertTrue(ended.receipt.restored);
            assertEquals(ended.receipt.stopMillis, Stage.get(started.session().stop()).receipt.stopMillis);
            assertTrue(cart.isAlive(), "the program is the editor's: it is not ended with the session");
        } finally {
            cart.destroyForcibly().waitFor();
        }
        assertTrue(states.containsAll(List.of(State.READY, State.LIVE, State.ENDED)), states.toString());
    }

    @Test
    void aDebuggerAttachesToTheProgramInThePodsPlace(@TempDir Path classes) throws Exception {
        Plan plan = new Plan();
        plan.service = "stock";
        plan.way = Plan.Way.ATTACH;
        plan.command = Stage.stock(classes);
        Starting.Started started = Starting.start(connection, plan, "attach", Map.of(), true, new Starting.Waiting() {});
        String port = String.valueOf(started.debugPort());
        Process process = new ProcessBuilder(Jdb.command().stream().map(word -> word.replace("{port}", port)).toList())
                .redirectErrorStream(true).start();
        try {
            Jdb.of(process).debugACall();
        } finally {
            process.destroyForcibly().waitFor();
        }
        assertTrue(Stage.get(started.session().stop()).receipt.restored);
    }

    @Test
    void aStartThatIsCancelledLeavesNothing() {
        boolean[] begun = {false};
        Failure failure = assertThrows(Failure.class, () -> Starting.start(connection, outside(Stage.freePort()), "cancelled", Map.of(), true, new Starting.Waiting() {
            @Override
            public synchronized void step(String text) {
                begun[0] = true;
            }

            @Override
            public synchronized boolean isCancelled() {
                return begun[0];
            }
        }));
        assertTrue(failure.isCancelled(), failure.getMessage());
    }

    @Test
    void aStartThatIsRefusedTellsWhy() {
        Plan plan = outside(8080);
        plan.service = "carte";
        Failure failure = assertThrows(Failure.class, () -> Starting.start(connection, plan, "refused", Map.of(), true, new Starting.Waiting() {}));
        assertEquals(ErrorCode.SERVICE_NOT_FOUND, failure.code());
        assertTrue(failure.forPeople().startsWith("KT1201: "), failure.forPeople());
    }

    @Test
    void aProgramThatEndsBeforeItsDebuggerCameIsTold() {
        Plan plan = new Plan();
        plan.service = "cart";
        plan.localPort = 9;
        plan.way = Plan.Way.ATTACH;
        plan.debugPort = 5005;
        plan.command = "sh -c 'exit 7'";
        Failure failure = assertThrows(Failure.class, () -> Starting.start(connection, plan, "ended", Map.of(), true, new Starting.Waiting() {}));
        assertTrue(failure.getMessage().contains("7"), failure.getMessage());
    }

    @Test
    void aServerThatIsKilledEndsItsSessions() throws Exception {
        int port = Stage.freePort();
        Starting.Started started = Starting.start(connection, outside(port), "killed", Map.of("LISTEN", "127.0.0.1:" + port), true, new Starting.Waiting() {});
        connection.process().destroyForcibly();
        ExecutionException error = assertThrows(ExecutionException.class, () -> Stage.get(started.session().over()));
        assertTrue(error.getCause().getMessage().contains("ended with code"), error.getCause().getMessage());
        open(new Events() {}).close(); // the next server ends what a killed one has left
    }

    @Test
    void anEditorThatIsKilledTakesItsSessionAlong() throws Exception {
        Process editor = OtherJvm.start(Victim.class);
        try {
            assertEquals("ready", editor.inputReader().readLine());
            assertEquals(1, intercepted());
        } finally {
            editor.destroyForcibly().waitFor();
        }
        Stage.restored("cart");
    }

    private long intercepted() throws Exception {
        return Stage.get(connection.server().listServices(new ListServicesParams()))
                .services.stream().filter(service -> service.intercept != null).count();
    }

    /** An editor that is about to be killed. */
    static final class Victim {
        public static void main(String[] args) throws Exception {
            Connection connection = open(new Events() {});
            int port = Stage.freePort();
            Starting.Started started = Starting.start(connection, outside(port), "victim", Map.of("LISTEN", "127.0.0.1:" + port), true, new Starting.Waiting() {});
            System.out.println("ready");
            started.session().over().get();
        }
    }
}
