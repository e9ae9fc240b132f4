package dev.kubetunnel.core;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A list of the server's as it is, for as long as somebody looks at it: the server answers when there is another
 * one than that of the last answer's revision. It has no thread: each answer asks the next question.
 */
public final class Follower<A> {
    /** How long it rests after an answer without a revision, and longer each time that there is none at all. */
    private static final long PAUSE_MILLIS = 3000;

    private static final int LONGEST_PAUSES = 20;

    /** Asks for a list other than the one of a revision, null for any. It may block; cancelling the answer cancels the question. */
    public interface Ask<A> {
        CompletableFuture<A> list(String unless) throws Failure;
    }

    private final Ask<A> ask;
    private final Function<A, String> revisionOf;
    private final Consumer<A> shown;
    private final Consumer<Failure> failed;
    private final Executor background;
    private final long pauseMillis;
    /** Which look it is; 0 while nobody looks. */
    private int look;

    private int looks;
    private int failures;
    private String revision;
    private CompletableFuture<A> asked;

    public Follower(Ask<A> ask, Function<A, String> revisionOf, Consumer<A> shown, Consumer<Failure> failed, Executor background) {
        this(ask, revisionOf, shown, failed, background, PAUSE_MILLIS);
    }

    Follower(Ask<A> ask, Function<A, String> revisionOf, Consumer<A> shown, Consumer<Failure> failed, Executor background, long pauseMillis) {
        this.ask = ask;
        this.revisionOf = revisionOf;
        this.shown = shown;
        this.failed = failed;
        this.background = background;
        this.pauseMillis = pauseMillis;
    }

    /** Follows the list, or doesn't any more. */
    public void look(boolean on) {
        CompletableFuture<A> unwanted;
        int of;
        synchronized (this) {
            if (on == (look > 0)) {
                return;
            }
            of = look = on ? ++looks : 0;
            unwanted = asked;
            asked = null;
        }
        if (unwanted != null) {
            unwanted.cancel(true);
        }
        if (on) {
            background.execute(() -> next(of));
        }
    }

    /** Asks for the list as it is now, whatever it was. */
    public void again() {
        boolean on;
        synchronized (this) {
            on = look > 0;
            revision = null;
            failures = 0;
        }
        look(false);
        look(on);
    }

    private synchronized boolean over(int of) {
        return of != look;
    }

    private void next(int of) {
        String unless;
        synchronized (this) {
            if (over(of)) {
                return;
            }
            unless = revision;
        }
        CompletableFuture<A> answer;
        try {
            answer = ask.list(unless);
        } catch (Failure e) {
            answer = CompletableFuture.failedFuture(e);
        }
        boolean late;
        synchronized (this) {
            late = over(of);
            asked = late ? asked : answer;
        }
        if (late) {
            answer.cancel(true);
            return;
        }
        answer.whenComplete((list, error) -> answered(of, list, error));
    }

    private void answered(int of, A list, Throwable error) {
        long rest;
        synchronized (this) {
            if (over(of)) {
                return;
            }
            asked = null;
            failures = error == null ? 0 : failures + 1;
            // Who may list, but not watch, is told by asking again.
            revision = error == null ? revisionOf.apply(list) : null;
            rest = revision != null ? 0 : pauseMillis * Math.min(1L << Math.min(Math.max(0, failures - 2), 10), LONGEST_PAUSES);
        }
        if (error == null) {
            shown.accept(list);
        } else {
            failed.accept(Failure.of(error));
        }
        if (rest == 0) {
            background.execute(() -> next(of));
            return;
        }
        CompletableFuture.delayedExecutor(rest, TimeUnit.MILLISECONDS).execute(() -> {
            if (!over(of)) {
                background.execute(() -> next(of));
            }
        });
    }
}
