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
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Starts what it is told to, remembers what runs by its configuration, and says on the project's bus when something
 * can't be started: as the platform's does.
 */
final class Executions extends ExecutionManager {
    /** What was started, with whose run it is. */
    private record Running(ProcessHandler process, RunnerAndConfigurationSettings settings) {}

    private final List<Running> running = new CopyOnWriteArrayList<>();

    @Override
    public void startRunProfile(RunProfileStarter starter, RunProfileState state, ExecutionEnvironment environment) {
        String executor = environment.getExecutor().getId();
        try {
            starter.executeAsync(state, environment).onError(error -> notStarted(executor, environment)).onSuccess(shown -> {
                if (shown == null) {
                    notStarted(executor, environment);
                } else {
                    running.add(new Running(shown.getProcessHandler(), environment.getRunnerAndConfigurationSettings()));
                }
            });
        } catch (ExecutionException e) {
            notStarted(executor, environment);
        }
    }

    /** The processes that the IDE shows as a configuration's. */
    List<ProcessHandler> running(RunnerAndConfigurationSettings settings) {
        return running.stream().filter(each -> each.settings == settings && !each.process.isProcessTerminated()).map(Running::process).toList();
    }

    private static void notStarted(String executor, ExecutionEnvironment environment) {
        if (environment.getProject().isDisposed()) {
            return;
        }
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

    /** What runs of its configuration is stopped, and when that has ended, it is run again. */
    @Override
    public void restartRunProfile(ExecutionEnvironment environment) {
        for (ProcessHandler process : running(environment.getRunnerAndConfigurationSettings())) {
            process.destroyProcess();
            process.waitFor();
        }
        try {
            environment.getRunner().execute(environment);
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }
}
