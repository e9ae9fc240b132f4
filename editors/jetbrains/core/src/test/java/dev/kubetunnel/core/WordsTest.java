package dev.kubetunnel.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.Stage;
import dev.kubetunnel.protocol.Protocol.StageTime;
import dev.kubetunnel.protocol.Protocol.State;
import dev.kubetunnel.protocol.Protocol.Target;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WordsTest {
    private static StageTime stage(String name, long began, Long ended) {
        StageTime stage = new StageTime();
        stage.stage = name;
        stage.beganMillis = began;
        stage.endedMillis = ended;
        return stage;
    }

    @Test
    void aStoryTellsEachStageAndStateOnce() {
        Story story = new Story();
        SessionInfo info = new SessionInfo();
        info.target = new Target();
        info.target.service = "cart";
        info.state = State.STARTING;
        info.stages = new ArrayList<>(List.of(stage(Stage.PREFLIGHT, 1, 40L), stage(Stage.AGENT, 40, null)));
        assertEquals(List.of("Checked the target (39 ms, at 1 ms)", "cart is starting"), story.news(info));
        assertEquals(List.of(), story.news(info));
        info.state = State.LIVE;
        info.reason = "0 connections yet";
        info.stages = List.of(stage(Stage.PREFLIGHT, 1, 40L), stage(Stage.AGENT, 40, 900L));
        assertEquals(List.of("Waited for the agent (860 ms, at 40 ms)", "cart is live: 0 connections yet"), story.news(info));
        info.reason = "1 connection";
        assertEquals(List.of("cart is live: 1 connection"), story.news(info));
    }

    @Test
    void amountsAreForPeople() {
        assertEquals("0 B", Words.bytes(0));
        assertEquals("1023 B", Words.bytes(1023));
        assertEquals("1.5 KiB", Words.bytes(1536));
        assertEquals("1024.0 GiB", Words.bytes(1L << 40));
    }
}
