package dev.kubetunnel.jetbrains;

import com.intellij.ide.util.PropertiesComponent;

/** The user's settings of the plugin: where tunnel-server and the kubeconfig are; empty = found by themselves. */
final class Options {
    private static final String SERVER = "kubetunnel.server";
    private static final String KUBECONFIG = "kubetunnel.kubeconfig";

    final String server;
    final String kubeconfig;

    Options(String server, String kubeconfig) {
        this.server = server.strip();
        this.kubeconfig = kubeconfig.strip();
    }

    static Options load() {
        PropertiesComponent properties = PropertiesComponent.getInstance();
        return new Options(properties.getValue(SERVER, ""), properties.getValue(KUBECONFIG, ""));
    }

    void save() {
        PropertiesComponent properties = PropertiesComponent.getInstance();
        properties.setValue(SERVER, server, "");
        properties.setValue(KUBECONFIG, kubeconfig, "");
    }

    boolean same(Options other) {
        return server.equals(other.server) && kubeconfig.equals(other.kubeconfig);
    }
}
