package dev.kubetunnel.jetbrains;

import com.intellij.execution.RunManager;
import com.intellij.execution.RunnerAndConfigurationSettings;
import com.intellij.openapi.project.Project;
import dev.kubetunnel.core.Plan;
import java.util.ArrayList;
import java.util.List;

/** The user's own run configurations, which are read and never changed. */
final class Delegates {
    private Delegates() {}

    static List<RunnerAndConfigurationSettings> all(Project project) {
        List<RunnerAndConfigurationSettings> found = new ArrayList<>();
        for (RunnerAndConfigurationSettings settings : RunManager.getInstance(project).getAllSettings()) {
            if (!(settings.getConfiguration() instanceof DebugInCluster) && !settings.isTemplate()) {
                found.add(settings);
            }
        }
        return found;
    }

    /** The delegate of a plan, null when there is none any more. */
    static RunnerAndConfigurationSettings find(Project project, Plan plan) {
        for (RunnerAndConfigurationSettings settings : all(project)) {
            if (settings.getName().equals(plan.delegateName) && settings.getType().getId().equals(plan.delegateType)) {
                return settings;
            }
        }
        return null;
    }
}
