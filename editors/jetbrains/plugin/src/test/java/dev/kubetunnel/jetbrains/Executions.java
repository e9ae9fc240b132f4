package dev.kubetunnel.jetbrains;

import com.intellij.execution.ExecutionException;
import com.intellij.execution.ExecutionManager;
import com.intellij.execution.ExecutionTarget;
import com.intellij.execution.Executor;
import com.intellij.execution.RunProfileStarter;
import com.intellij.execution.RunnerAndConfigurationSettings;
import com.intellij.execution.configurations.RunProfileState;
import com.intellij.execution.process.ProcessHandler;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.intellij.execution.ui.RunContentManager;
import com.intellij.openapi.project.Project;

/** Starts what it is told to, and says on the project's bus when it can't be started: as the platform's does. */
final class Executions extends ExecutionManager {
    @Override
    public void startRunProfile(RunProfileStarter starter, RunProfileState state, ExecutionEnvironment environment) {
        String executor = environment.getExecutor().getId();
        try {
            starter.executeAsync(state, environment).onError(error -> notStarted(executor, environment));
        } catch (ExecutionException e) {
            notStarted(executor, environment);
        }
    }

    private static void notStarted(String executor, ExecutionEnvironment environment) {
        environment.getProject().getMessageBus().syncPublisher(EXECUTION_TOPIC).processNotStarted(executor, environment);
    }

    @Override
    public RunContentManager getContentManager() {
        return Headless.stub(RunContentManager.class, (proxy, method, arguments) -> null);
    }

    @Override
    public void compileAndRun(Runnable start, ExecutionEnvironment environment, RunProfileState state, Runnable onCancel) {
        start.run();
    }

    @Override
    public ProcessHandler[] getRunningProcesses() {
        return new ProcessHandler[0];
    }

    @Override
    public void restartRunProfile(Project project, Executor executor, ExecutionTarget target, RunnerAndConfigurationSettings settings, ProcessHandler handler) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void restartRunProfile(ExecutionEnvironment environment) {
        throw new UnsupportedOperationException();
    }
}
