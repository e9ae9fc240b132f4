package dev.kubetunnel.core;

import dev.kubetunnel.protocol.Protocol.ErrorCode;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/** Waits for an answer. It blocks, and can be cancelled at any moment, which cancels the request too. */
public final class Await {
    /** How often it is asked whether the wait is cancelled. */
    private static final long LOOK_MILLIS = 50;

    private Await() {}

    public static <T> T of(CompletableFuture<T> answer, BooleanSupplier cancelled) throws Failure {
        while (true) {
            if (cancelled.getAsBoolean()) {
                answer.cancel(true);
                throw new Failure(ErrorCode.REQUEST_CANCELLED, "cancelled", null, null);
            }
            try {
                return answer.get(LOOK_MILLIS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                continue;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                answer.cancel(true);
                throw new Failure(ErrorCode.REQUEST_CANCELLED, "cancelled", null, e);
            } catch (ExecutionException e) {
                throw Failure.of(e);
            }
        }
    }

    /** For what nobody can cancel. */
    public static <T> T of(CompletableFuture<T> answer) throws Failure {
        return of(answer, () -> false);
    }
}
