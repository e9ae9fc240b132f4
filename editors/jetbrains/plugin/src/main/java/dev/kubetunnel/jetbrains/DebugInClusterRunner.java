package dev.kubetunnel.jetbrains;

import com.intellij.execution.ExecutionException;
import com.intellij.execution.configurations.RunProfile;
import com.intellij.execution.configurations.RunProfileState;
import com.intellij.execution.configurations.RunnerSettings;
import com.intellij.execution.executors.DefaultDebugExecutor;
import com.intellij.execution.executors.DefaultRunExecutor;
import com.intellij.execution.runners.AsyncProgramRunner;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.intellij.execution.ui.RunContentDescriptor;
import org.jetbrains.concurrency.AsyncPromise;
import org.jetbrains.concurrency.Promise;

/** Runs and debugs "Debug in cluster": what it starts, and in which order, is Launch's. */
public final class DebugInClusterRunner extends AsyncProgramRunner<RunnerSettings> {
    @Override
    public String getRunnerId() {
        return "KubeTunnelDebugInClusterRunner";
    }

    @Override
    public boolean canRun(String executorId, RunProfile profile) {
        return profile instanceof DebugInCluster
                && (DefaultDebugExecutor.EXECUTOR_ID.equals(executorId) || DefaultRunExecutor.EXECUTOR_ID.equals(executorId));
    }

    @Override
    protected Promise<RunContentDescriptor> execute(ExecutionEnvironment environment, RunProfileState state) throws ExecutionException {
        DebugInCluster configuration = configuration(environment);
        AsyncPromise<RunContentDescriptor> shown = new AsyncPromise<>();
        new Launch(environment, configuration, shown).begin();
        return shown;
    }

    /** A rerun comes with the run profile of its first run, which is the copy that Launch made. */
    private static DebugInCluster configuration(ExecutionEnvironment environment) {
        if (environment.getRunProfile() instanceof DebugInCluster configuration) {
            return configuration;
        }
        return (DebugInCluster) environment.getRunnerAndConfigurationSettings().getConfiguration();
    }
}
