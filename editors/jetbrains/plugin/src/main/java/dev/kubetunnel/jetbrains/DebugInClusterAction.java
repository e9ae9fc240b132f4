package dev.kubetunnel.jetbrains;

import com.intellij.execution.RunManager;
import com.intellij.execution.RunnerAndConfigurationSettings;
import com.intellij.execution.configurations.ConfigurationTypeUtil;
import com.intellij.execution.executors.DefaultDebugExecutor;
import com.intellij.execution.ExecutionException;
import com.intellij.execution.runners.ExecutionEnvironmentBuilder;
import com.intellij.openapi.actionSystem.AnAction;
import com.intellij.openapi.actionSystem.AnActionEvent;
import com.intellij.openapi.project.Project;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Plan;

/** Makes a "Debug in cluster" for the selected run configuration, selects it, and starts it once it is complete. */
public final class DebugInClusterAction extends AnAction {
    // It is always enabled: current IDEs want to know on which thread an action is to be updated, and old ones can't be told.
    @Override
    public void actionPerformed(AnActionEvent event) {
        if (event.getProject() != null) {
            debug(event.getProject());
        }
    }

    static void debug(Project project) {
        RunnerAndConfigurationSettings settings = settingsFor(project);
        if (settings == null) {
            Notices.information(project, "Debug in Cluster", "Select a run configuration first: the one that starts your program.");
        } else {
            start(project, settings);
        }
    }

    /** The selected configuration if it is one already, else the one for it, which is made if there is none. */
    static RunnerAndConfigurationSettings settingsFor(Project project) {
        RunManager manager = RunManager.getInstance(project);
        RunnerAndConfigurationSettings selected = manager.getSelectedConfiguration();
        if (selected == null || selected.getConfiguration() instanceof DebugInCluster) {
            return selected;
        }
        DebugInClusterType type = ConfigurationTypeUtil.findConfigurationType(DebugInClusterType.class);
        for (RunnerAndConfigurationSettings settings : manager.getConfigurationSettingsList(type)) {
            Plan plan = ((DebugInCluster) settings.getConfiguration()).plan();
            if (plan.delegateName.equals(selected.getName()) && plan.delegateType.equals(selected.getType().getId())) {
                manager.setSelectedConfiguration(settings);
                return settings;
            }
        }
        RunnerAndConfigurationSettings settings = manager.createConfiguration(
                manager.suggestUniqueName(selected.getName() + " in cluster", type), type.factory());
        DebugInCluster configuration = (DebugInCluster) settings.getConfiguration();
        Plan plan = configuration.plan().clone();
        plan.delegateType = selected.getType().getId();
        plan.delegateName = selected.getName();
        configuration.setPlan(plan);
        manager.addConfiguration(settings);
        manager.setSelectedConfiguration(settings);
        return settings;
    }

    private static void start(Project project, RunnerAndConfigurationSettings settings) {
        Plan plan = ((DebugInCluster) settings.getConfiguration()).plan();
        if (!plan.missing().isEmpty()) {
            Notices.information(project, settings.getName(), plan.missing().get(0) + ": edit the run configuration");
            return;
        }
        try {
            ExecutionEnvironmentBuilder builder = ExecutionEnvironmentBuilder.createOrNull(
                    DefaultDebugExecutor.getDebugExecutorInstance(), settings);
            if (builder != null) {
                builder.buildAndExecute();
            }
        } catch (ExecutionException e) {
            Notices.failure(project, plan, new Failure(e.getMessage(), e));
        }
    }
}
