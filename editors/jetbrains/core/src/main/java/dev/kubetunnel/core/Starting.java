package dev.kubetunnel.core;

import dev.kubetunnel.protocol.Protocol.*;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** The way from a plan to a session that a debugger can be started for. It blocks, and can be cancelled at any moment. */
public final class Starting {
    /** Who waits for the start. */
    public interface Waiting {
        /** A step has begun, in words. */
        default void step(String text) {}

        default boolean isCancelled() {
            return false;
        }
    }

    /**
     * A session that is ready. environment are the variables to set for a program that the IDE starts; removed
     * are those that it should not have. A debugger attaches to debugPort, which is programPort in the sandbox;
     * both are 0 when none is wanted.
     */
    public record Started(Session session, Map<String, String> environment, List<String> removed, long programPort, long debugPort) {}

    private final Connection connection;
    private final Plan plan;
    private final Waiting waiting;

    private Starting(Connection connection, Plan plan, Waiting waiting) {
        this.connection = connection;
        this.plan = plan;
        this.waiting = waiting;
    }

    /**
     * Starts a session. When it fails or is cancelled, nothing of it is left. userEnvironment is the delegate's
     * own; debugged tells whether a debugger is to attach to a program that the session runs.
     */
    public static Started start(Connection connection, Plan plan, String id, Map<String, String> userEnvironment, boolean debugged, Waiting waiting)
            throws Failure {
        if (!plan.missing().isEmpty()) {
            throw new Failure(plan.missing().get(0), null);
        }
        Starting starting = new Starting(connection, plan, waiting);
        StartSessionParams params = plan.start(id);
        if (debugged && plan.way == Plan.Way.ATTACH) {
            params.command = starting.withDebugServer();
        }
        return starting.run(params, userEnvironment);
    }

    /** How the program is started with its debug server: the server knows. */
    private Command withDebugServer() throws Failure {
        ResolveSessionResult resolved = await(connection.answer(connection.server().resolveSession(plan.resolve())));
        if (resolved.command == null) {
            Diagnostic problem = resolved.diagnostics.get(0);
            ErrorData data = new ErrorData();
            data.fix = problem.fix;
            throw new Failure(problem.code, problem.message, data, null);
        }
        return resolved.command;
    }

    private Started run(StartSessionParams params, Map<String, String> userEnvironment) throws Failure {
        String id = params.id;
        Events steps = new Events() {
            @Override
            public void progress(ProgressParams progress) {
                if (id.equals(progress.token) && progress.value.message != null) {
                    waiting.step(progress.value.message);
                }
            }
        };
        connection.listen(steps);
        Session session = null;
        try {
            session = connection.start(params);
            return finish(session, params, userEnvironment);
        } catch (Failure failure) {
            if (session != null) {
                end(session);
            }
            throw failure;
        } finally {
            connection.forget(steps);
        }
    }

    private Started finish(Session session, StartSessionParams start, Map<String, String> userEnvironment) throws Failure {
        if (start.command != null) {
            await(session.ready());
            long inside = start.command.expose == null ? 0 : start.command.expose.get(0);
            return new Started(session, Map.of(), List.of(), inside, inside == 0 ? 0 : await(session.exposed(inside)));
        }
        await(session.started());
        SessionEnvironmentParams params = new SessionEnvironmentParams();
        params.id = session.id();
        params.env = userEnvironment.isEmpty() ? null : userEnvironment;
        SessionEnvironmentResult given = await(connection.answer(connection.server().sessionEnvironment(params)));
        await(session.ready());
        Map<String, String> set = new LinkedHashMap<>();
        List<String> removed = new ArrayList<>();
        given.env.forEach((name, value) -> {
            if (value == null) {
                removed.add(name);
            } else {
                set.put(name, value);
            }
        });
        return new Started(session, set, removed, 0, 0);
    }

    private <T> T await(CompletableFuture<T> answer) throws Failure {
        return Await.of(answer, waiting::isCancelled);
    }

    private static void end(Session session) {
        try {
            session.stop().get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            // A session that the server does not know has left nothing; a server that has gone
            // leaves it to the cluster.
        }
    }
}
