package dev.kubetunnel.core;

import dev.kubetunnel.protocol.Protocol.*;
import java.util.ArrayList;
import java.util.List;

/** How states and numbers are put into words. */
public final class Words {
    private Words() {}

    public static String target(Target target) {
        return target.namespace == null || target.namespace.isEmpty() ? target.service : target.namespace + "/" + target.service;
    }

    /** "shop/cart is live: the Service's new connections come here". */
    public static String state(SessionInfo info) {
        String text = target(info.target) + " is " + info.state;
        return info.reason == null || info.reason.isEmpty() ? text : text + ": " + info.reason;
    }

    public static boolean isOver(SessionInfo info) {
        return State.ENDED.equals(info.state) || State.FAILED.equals(info.state);
    }

    /** What a stage has done, or does. */
    public static String stage(String stage) {
        return switch (stage) {
            case Stage.PREFLIGHT -> "Checked the target";
            case Stage.SANDBOX -> "Made the sandbox";
            case Stage.INTERCEPT -> "Asked for the intercept";
            case Stage.AGENT -> "Waited for the agent";
            case Stage.TUNNEL -> "Opened the tunnel";
            case Stage.ENVIRONMENT -> "Read the app's environment";
            case Stage.DEBUGGER -> "Started the debugger";
            case Stage.LISTEN -> "Waited for your program to listen";
            case Stage.SWITCH -> "Switched the Service";
            case Stage.DRAIN -> "Let open requests end";
            case Stage.RESTORE -> "Put the Service back";
            default -> stage;
        };
    }

    public static String took(StageTime time) {
        return time.endedMillis == null
                ? "since " + time.beganMillis + " ms after the start"
                : time.endedMillis - time.beganMillis + " ms, from " + time.beganMillis + " ms on";
    }

    /** How a session was left. */
    public static List<String> receipt(Receipt receipt) {
        List<String> lines = new ArrayList<>();
        if (receipt.restored) {
            lines.add("the Service is as it was before; the origin took calls again after " + receipt.stopMillis + " ms");
        } else {
            lines.add("the Service is not as it was before:");
            if (receipt.differences != null) {
                receipt.differences.forEach(difference -> lines.add("- " + difference));
            }
        }
        Traffic traffic = receipt.traffic;
        lines.add("served here: " + plural(traffic.connections, "connection") + ", " + plural(traffic.requests, "request")
                + "; by the origin meanwhile: " + plural(traffic.origin, "connection"));
        if (receipt.cut > 0) {
            lines.add(plural(receipt.cut, "connection") + " had to be closed at the end");
        }
        return lines;
    }

    public static String plural(long n, String noun) {
        return n == 1 ? "1 " + noun : n + " " + noun + "s";
    }

    /** A Service in a line: its ports, or who debugs it. */
    public static String service(Service service) {
        if (service.intercept != null) {
            InterceptInfo by = service.intercept;
            String who = by.mine ? "you" : by.user;
            return who + (by.host.isEmpty() ? "" : " on " + by.host) + ", " + by.state.toLowerCase(java.util.Locale.ROOT);
        }
        if (service.notInterceptable != null && !service.notInterceptable.isEmpty()) {
            return service.notInterceptable;
        }
        return String.join(", ", service.ports.stream().map(port -> String.valueOf(port.port)).toList());
    }
}
