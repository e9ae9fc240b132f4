package dev.kubetunnel.core;

import dev.kubetunnel.protocol.Protocol.*;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** How states and numbers are put into words. */
public final class Words {
    private static final String[] UNITS = {"KiB", "MiB", "GiB"};

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
                ? "since " + time.beganMillis + " ms"
                : time.endedMillis - time.beganMillis + " ms, at " + time.beganMillis + " ms";
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
                + ", " + bytes(traffic.bytesIn) + " in, " + bytes(traffic.bytesOut) + " out; by the origin meanwhile: " + plural(traffic.origin, "connection"));
        if (receipt.cut > 0) {
            lines.add(plural(receipt.cut, "connection") + " had to be closed at the end");
        }
        return lines;
    }

    public static String plural(long n, String noun) {
        return n == 1 ? "1 " + noun : n + " " + noun + "s";
    }

    public static String bytes(long n) {
        if (n < 1024) {
            return n + " B";
        }
        double amount = n;
        int unit = -1;
        for (; amount >= 1024 && unit < UNITS.length - 1; unit++) {
            amount /= 1024;
        }
        return String.format(Locale.ROOT, "%.1f %s", amount, UNITS[unit]);
    }

    /** A Service in a line: its ports, or who debugs it. */
    public static String service(Service service) {
        if (service.intercept != null) {
            InterceptInfo by = service.intercept;
            return (by.mine ? "you" : person(by)) + ", " + by.state.toLowerCase(Locale.ROOT) + " since " + since(by);
        }
        if (service.notInterceptable != null && !service.notInterceptable.isEmpty()) {
            return service.notInterceptable;
        }
        return String.join(", ", service.ports.stream().map(port -> String.valueOf(port.port)).toList());
    }

    /** All there is to say of a Service, line by line. */
    public static List<String> details(Service service) {
        List<String> lines = new ArrayList<>();
        lines.add(service.type + " " + service.namespace + "/" + service.name);
        for (ServicePort port : service.ports) {
            String resolved = port.resolvedPort == null || port.resolvedPort == 0 ? "" : " (" + port.resolvedPort + ")";
            lines.add((port.name == null ? "" : port.name + " ") + port.port + "/" + port.protocol + " → " + port.targetPort + resolved);
        }
        if (service.workload != null) {
            Workload workload = service.workload;
            lines.add(workload.kind + " " + workload.name + ": " + workload.ready + " of " + workload.total + " ready");
            lines.add(workload.image);
        }
        if (service.intercept != null) {
            InterceptInfo by = service.intercept;
            lines.add("Intercept " + by.name + " of " + person(by) + ": " + by.state + ", since " + since(by));
        }
        if (service.notInterceptable != null && !service.notInterceptable.isEmpty()) {
            lines.add(service.notInterceptable);
        }
        return lines;
    }

    /** A list isn't told anew as an age grows: the time stays true. */
    private static String since(InterceptInfo by) {
        try {
            ZonedDateTime at = Instant.parse(by.since).atZone(ZoneId.systemDefault());
            return at.format(DateTimeFormatter.ofPattern(at.toLocalDate().equals(LocalDate.now()) ? "HH:mm" : "d MMM HH:mm", Locale.ENGLISH));
        } catch (DateTimeException | NullPointerException e) {
            return String.valueOf(by.since);
        }
    }

    private static String person(InterceptInfo by) {
        return by.user + (by.host == null || by.host.isEmpty() ? "" : " on " + by.host);
    }
}
