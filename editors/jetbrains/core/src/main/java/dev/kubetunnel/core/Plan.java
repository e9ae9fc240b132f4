package dev.kubetunnel.core;

import dev.kubetunnel.protocol.Protocol.*;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a "Debug in cluster" run configuration says: which Service, and how the program is debugged. Empty
 * strings and 0 mean the server's defaults.
 */
public final class Plan implements Cloneable {
    /** How the program and its debugger come together. */
    public enum Way {
        /** The IDE runs the other configuration, with the session's environment. */
        ENVIRONMENT,
        /** The session runs a command in the sandbox, and the IDE's other configuration attaches to it. */
        ATTACH
    }

    public String context = "";
    public String namespace = "";
    public String service = "";
    public String port = "";
    public long localPort;
    public boolean inherit = true;
    public Way way = Way.ENVIRONMENT;
    /** The other configuration, by its type's id and its name. */
    public String delegateType = "";
    public String delegateName = "";
    /** The command line of way ATTACH, its working folder, and the port of its debug server; 0: the server's choice. */
    public String command = "";
    public String folder = "";
    public long debugPort;

    public Target target() {
        Target target = new Target();
        target.context = orNull(context);
        target.namespace = orNull(namespace);
        target.service = service;
        target.port = orNull(port);
        target.localPort = localPort == 0 ? null : localPort;
        target.inherit = inherit ? null : Boolean.FALSE;
        return target;
    }

    /** What a session is started with. */
    public StartSessionParams start(String id) {
        StartSessionParams params = new StartSessionParams();
        params.id = id;
        params.target = target();
        params.workDoneToken = id;
        if (way == Way.ENVIRONMENT) {
            params.outside = true;
        } else {
            params.command = command();
        }
        return params;
    }

    /** The program of way ATTACH as one would run it. */
    public Command command() {
        Command program = new Command();
        program.args = CommandLine.split(command);
        program.cwd = orNull(folder);
        return program;
    }

    /** What is asked of session/resolve: the same program with its debug server. */
    public ResolveSessionParams resolve() {
        ResolveSessionParams params = new ResolveSessionParams();
        params.target = target();
        params.command = command();
        params.command.expose = debugPort == 0 ? null : List.of(debugPort);
        return params;
    }

    /** What must be filled in before anything can be asked of the cluster, in sentences. */
    public List<String> missing() {
        List<String> missing = new ArrayList<>();
        if (service.isBlank()) {
            missing.add("Choose the Service that the program is to stand in for");
        }
        if (way == Way.ENVIRONMENT && delegateName.isEmpty()) {
            missing.add("Choose the run configuration that starts the program");
        }
        if (way == Way.ATTACH && CommandLine.split(command).isEmpty()) {
            missing.add("Write the command that starts the program");
        }
        if (localPort < 0 || localPort > 65535 || debugPort < 0 || debugPort > 65535) {
            missing.add("A port is a number from 1 to 65535");
        }
        return missing;
    }

    /** The settings by name, without those that are as they come. */
    public Map<String, String> save() {
        Map<String, String> saved = new TreeMap<>();
        Plan fresh = new Plan();
        put(saved, "context", context, fresh.context);
        put(saved, "namespace", namespace, fresh.namespace);
        put(saved, "service", service, fresh.service);
        put(saved, "port", port, fresh.port);
        put(saved, "localPort", String.valueOf(localPort), String.valueOf(fresh.localPort));
        put(saved, "inherit", String.valueOf(inherit), String.valueOf(fresh.inherit));
        put(saved, "way", way.name(), fresh.way.name());
        put(saved, "delegateType", delegateType, fresh.delegateType);
        put(saved, "delegateName", delegateName, fresh.delegateName);
        put(saved, "command", command, fresh.command);
        put(saved, "folder", folder, fresh.folder);
        put(saved, "debugPort", String.valueOf(debugPort), String.valueOf(fresh.debugPort));
        return saved;
    }

    /** The plan of saved settings. What is missing, unknown or no number is as it comes. */
    public static Plan load(Map<String, String> saved) {
        Plan plan = new Plan();
        plan.context = saved.getOrDefault("context", plan.context);
        plan.namespace = saved.getOrDefault("namespace", plan.namespace);
        plan.service = saved.getOrDefault("service", plan.service);
        plan.port = saved.getOrDefault("port", plan.port);
        plan.localPort = number(saved.get("localPort"));
        plan.inherit = !"false".equals(saved.get("inherit"));
        plan.way = Way.ATTACH.name().equals(saved.get("way")) ? Way.ATTACH : Way.ENVIRONMENT;
        plan.delegateType = saved.getOrDefault("delegateType", plan.delegateType);
        plan.delegateName = saved.getOrDefault("delegateName", plan.delegateName);
        plan.command = saved.getOrDefault("command", plan.command);
        plan.folder = saved.getOrDefault("folder", plan.folder);
        plan.debugPort = number(saved.get("debugPort"));
        return plan;
    }

    @Override
    public Plan clone() {
        return load(save());
    }

    private static void put(Map<String, String> saved, String name, String value, String fresh) {
        if (!value.equals(fresh)) {
            saved.put(name, value);
        }
    }

    private static long number(String text) {
        try {
            return text == null ? 0 : Long.parseLong(text.strip());
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    private static String orNull(String text) {
        return text.isBlank() ? null : text.strip();
    }
}
