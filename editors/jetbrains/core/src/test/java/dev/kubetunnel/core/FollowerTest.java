package dev.kubetunnel.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class FollowerTest {
    private record Asked(String unless, CompletableFuture<String> answer) {}

    private final BlockingQueue<Asked> asked = new LinkedBlockingQueue<>();
    private final List<String> shown = new CopyOnWriteArrayList<>();

    /** Its lists are texts, and each that is no "old" has itself as its revision. */
    private final Follower<String> follower = new Follower<>(unless -> {
        CompletableFuture<String> answer = new CompletableFuture<>();
        asked.add(new Asked(unless, answer));
        return answer;
    }, list -> list.equals("old") ? null : list, shown::add, failure -> shown.add("failed: " + failure.getMessage()), Runnable::run, 1);

    private Asked next() throws InterruptedException {
        Asked question = asked.poll(30, TimeUnit.SECONDS);
        if (question == null) {
            throw new AssertionError("nothing is asked; shown: " + shown);
        }
        return question;
    }

    @Test
    void eachAnswerAsksForAnotherOne() throws Exception {
        follower.look(true);
        Asked first = next();
        assertNull(first.unless());
        first.answer().complete("one");
        Asked second = next();
        assertEquals("one", second.unless());
        second.answer().complete("two");
        assertEquals("two", next().unless());
        assertEquals(List.of("one", "two"), shown);
    }

    @Test
    void aServerThatDoesNotWaitIsAskedAgainLater() throws Exception {
        follower.look(true);
        next().answer().complete("old");
        assertNull(next().unless());
    }

    @Test
    void aFailureIsShownAndAskedAgainFromTheBeginning() throws Exception {
        follower.look(true);
        next().answer().complete("one");
        for (int i = 0; i < 3; i++) {
            next().answer().completeExceptionally(new Failure("no", null));
        }
        Asked again = next();
        assertNull(again.unless());
        again.answer().complete("two");
        assertEquals("two", next().unless()); // asked when the list has been shown
        assertEquals(List.of("one", "failed: no", "failed: no", "failed: no", "two"), shown);
    }

    @Test
    void whatIsToBeRefreshedIsAskedForWhateverItWas() throws Exception {
        follower.look(true);
        next().answer().complete("one");
        Asked waiting = next();
        follower.again();
        assertTrue(waiting.answer().isCancelled());
        assertNull(next().unless());
        follower.look(false);
        follower.again();
        assertTrue(asked.isEmpty());
    }

    @Test
    void whoDoesNotLookAnyMoreAsksNothing() throws Exception {
        follower.look(true);
        next().answer().complete("one");
        Asked waiting = next();
        follower.look(false);
        assertTrue(waiting.answer().isCancelled());
        assertTrue(asked.isEmpty());
        follower.look(true);
        assertEquals("one", next().unless());
        assertFalse(shown.contains("failed: cancelled"), shown.toString());
    }
}
