package dev.kubetunnel.core;

import dev.kubetunnel.protocol.Protocol.*;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/** One debug session as its editor has it. Its state is changed by the connection's thread alone. */
public final class Session {
    private final Connection connection;
    private final String id;
    private final Target target;
    private final CompletableFuture<SessionInfo> ready = new CompletableFuture<>();
    private final CompletableFuture<SessionInfo> over = new CompletableFuture<>();
    private final Map<Long, CompletableFuture<Long>> exposed = new ConcurrentHashMap<>();
    private CompletableFuture<StartSessionResult> started;
    private CompletableFuture<SessionInfo> stopped;
    private volatile SessionInfo info;

    Session(Connection connection, StartSessionParams params) {
        this.connection = connection;
        id = params.id;
        target = params.target;
    }

    public String id() {
        return id;
    }

    /** What it was asked for. */
    public Target target() {
        return target;
    }

    /** The last state that was told, null before the first. */
    public SessionInfo info() {
        return info;
    }

    public boolean isOver() {
        return over.isDone();
    }

    /** Done when the program can be started or attached to; fails, with a Failure, when the session is over before. */
    public CompletableFuture<SessionInfo> ready() {
        return ready.copy();
    }

    /** Done when nothing of the session is left: the Service is back. Fails when the server has gone. */
    public CompletableFuture<SessionInfo> over() {
        return over.copy();
    }

    /** Done when the server has accepted it: the intercept is there, the sandbox is made. */
    public synchronized CompletableFuture<StartSessionResult> started() {
        return started.copy();
    }

    /** Done, with the port on this machine, when the program listens on its debug port. */
    public CompletableFuture<Long> exposed(long port) {
        CompletableFuture<Long> listens = exposed.computeIfAbsent(port, key -> new CompletableFuture<>());
        SessionInfo now = info;
        if (now != null) {
            tellExposed(now);
        }
        over.whenComplete((last, error) -> listens.completeExceptionally(error != null ? error : failureOf(last)));
        return listens.copy();
    }

    private void tellExposed(SessionInfo now) {
        if (now.exposed == null) {
            return;
        }
        for (ExposedPort port : now.exposed) {
            if (Boolean.TRUE.equals(port.listening)) {
                exposed.computeIfAbsent(port.port, key -> new CompletableFuture<>()).complete(port.localPort);
            }
        }
    }

    private static Failure failureOf(SessionInfo last) {
        if (last.error != null) {
            return Failure.of(last.error);
        }
        String reason = last.reason == null || last.reason.isEmpty() ? "the session has ended" : last.reason;
        return new Failure(last.exitCode == null ? reason : reason + " (code " + last.exitCode + ")", null);
    }

    void begin(CompletableFuture<StartSessionResult> answer) {
        synchronized (this) {
            started = answer;
        }
        answer.whenComplete((result, error) -> {
            if (error != null) {
                ready.completeExceptionally(Failure.of(error));
                over.completeExceptionally(Failure.of(error));
            }
        });
    }

    void changed(SessionInfo now) {
        info = now;
        tellExposed(now);
        switch (now.state) {
            case State.READY, State.LIVE, State.WAITING -> ready.complete(now);
            case State.FAILED, State.ENDED -> {
                ready.completeExceptionally(failureOf(now));
                over.complete(now);
            }
            default -> { }
        }
    }

    void serverGone(Failure how) {
        Failure failure = new Failure(how.getMessage() + "; the Service is put back by the next one, or by the cluster when the session's lease is over", null);
        ready.completeExceptionally(failure);
        over.completeExceptionally(failure);
    }

    /**
     * Ends the session, at whatever stage it is, and is done when the Service is back. It may be called
     * twice. A start that is under way is cancelled, which ends what it has begun.
     */
    public synchronized CompletableFuture<SessionInfo> stop() {
        if (stopped == null) {
            started.cancel(true); // of no consequence once it is answered
            SessionParams params = new SessionParams();
            params.id = id;
            stopped = connection.answer(connection.server().stopSession(params)).thenApply(result -> result.session);
        }
        return stopped.copy();
    }
}
