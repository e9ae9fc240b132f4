package dev.kubetunnel.core;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * How tunnel-server is found and started. Empty strings mean the defaults: the one in PATH,
 * and the kubeconfig that kubectl would take.
 */
public record Settings(String server, String kubeconfig, Map<String, String> environment) {
    /** The variable that names the program where the settings don't. */
    public static final String SERVER_VARIABLE = "KUBETUNNEL_SERVER";

    public Settings {
        server = server == null ? "" : server.strip();
        kubeconfig = kubeconfig == null ? "" : kubeconfig.strip();
        // Variables are found whatever their case where the system does so: Windows has "Path".
        Map<String, String> copy = isWindows() ? new TreeMap<>(String.CASE_INSENSITIVE_ORDER) : new HashMap<>();
        copy.putAll(environment);
        environment = Collections.unmodifiableMap(copy);
    }

    /** The program to start. */
    public Path program() throws Failure {
        String named = server.isEmpty() ? environment.getOrDefault(SERVER_VARIABLE, "") : server;
        if (!named.isEmpty()) {
            Path path = Path.of(named);
            if (!Files.isExecutable(path)) {
                throw new Failure("tunnel-server is to be " + path + ", which is no program: change it in Settings, Tools, KubeTunnel", null);
            }
            return path;
        }
        for (String folder : environment.getOrDefault("PATH", "").split(File.pathSeparator)) {
            for (String name : names()) {
                Path path = inFolder(folder, name);
                if (path != null && Files.isExecutable(path) && !Files.isDirectory(path)) {
                    return path.toAbsolutePath();
                }
            }
        }
        throw new Failure("tunnel-server is not in PATH: install it, or name it in Settings, Tools, KubeTunnel", null);
    }

    /** A program in a folder of PATH, null where that is no folder's name: anything may stand there. */
    private static Path inFolder(String folder, String name) {
        String plain = folder.length() > 1 && folder.startsWith("\"") && folder.endsWith("\"") ? folder.substring(1, folder.length() - 1) : folder;
        try {
            return Path.of(plain.isEmpty() ? "." : plain, name);
        } catch (InvalidPathException e) {
            return null;
        }
    }

    private static boolean isWindows() {
        return System.getProperty("os.name", "").toLowerCase(Locale.ROOT).startsWith("windows");
    }

    private static List<String> names() {
        return isWindows() ? List.of("tunnel-server.exe") : List.of("tunnel-server");
    }
}
