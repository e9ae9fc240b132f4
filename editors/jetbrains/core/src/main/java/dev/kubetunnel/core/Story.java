package dev.kubetunnel.core;

import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.StageTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What a console is told of a session as it goes on: each stage when it is done, and each state, once. */
public final class Story {
    private final Set<String> told = new HashSet<>();
    private String state = "";

    /** What is new, in lines. */
    public synchronized List<String> news(SessionInfo info) {
        List<String> lines = new ArrayList<>();
        if (info.stages != null) {
            for (StageTime stage : info.stages) {
                if (stage.endedMillis != null && told.add(stage.stage + " " + stage.beganMillis)) {
                    lines.add(Words.stage(stage.stage) + " (" + Words.took(stage) + ")");
                }
            }
        }
        String now = Words.state(info);
        if (!now.equals(state)) {
            state = now;
            lines.add(now);
        }
        return lines;
    }
}
