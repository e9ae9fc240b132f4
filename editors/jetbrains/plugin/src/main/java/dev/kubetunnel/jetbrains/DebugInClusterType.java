package dev.kubetunnel.jetbrains;

import com.intellij.execution.configurations.ConfigurationFactory;
import com.intellij.execution.configurations.ConfigurationTypeBase;
import com.intellij.execution.configurations.RunConfiguration;
import com.intellij.openapi.project.Project;

/** The type of run configurations "Debug in cluster". */
public final class DebugInClusterType extends ConfigurationTypeBase {
    static final String ID = "KubeTunnelDebugInCluster";

    public DebugInClusterType() {
        super(ID, "Debug in Cluster", "Runs a program as the pods behind a Kubernetes Service, until you stop", Icons.KUBETUNNEL);
        addFactory(new Factory());
    }

    ConfigurationFactory factory() {
        return getConfigurationFactories()[0];
    }

    private final class Factory extends ConfigurationFactory {
        Factory() {
            super(DebugInClusterType.this);
        }

        // Saved configurations are found by it: it must not follow the name that people see.
        @Override
        public String getId() {
            return ID;
        }

        @Override
        public RunConfiguration createTemplateConfiguration(Project project) {
            return new DebugInCluster(project, this, "Debug in Cluster");
        }
    }
}
