package dev.kubetunnel.core;

import dev.kubetunnel.protocol.Protocol.ProgressParams;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.SessionOutputParams;

/** What a connection tells. The calls come one after the other, on the connection's thread, and must not block. */
public interface Events {
    default void changed(SessionInfo info) {}

    default void output(SessionOutputParams output) {}

    default void progress(ProgressParams progress) {}

    /** A line for the log: level is "debug", "info", "warn" or "error". */
    default void log(String level, String message) {}

    /** The server has ended; how is a sentence's end, such as "ended with code 1". */
    default void gone(String how) {}
}
