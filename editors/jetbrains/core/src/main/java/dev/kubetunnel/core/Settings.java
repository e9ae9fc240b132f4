package dev.kubetunnel.core;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

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
        environment = Map.copyOf(environment);
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
                Path path = Path.of(folder.isEmpty() ? "." : folder, name);
                if (Files.isExecutable(path) && !Files.isDirectory(path)) {
                    return path.toAbsolutePath();
                }
            }
        }
        throw new Failure("tunnel-server is not in PATH: install it, or name it in Settings, Tools, KubeTunnel", null);
    }

    private static List<String> names() {
        boolean windows = System.getProperty("os.name", "").toLowerCase(Locale.ROOT).startsWith("windows");
        return windows ? List.of("tunnel-server.exe") : List.of("tunnel-server");
    }
}
