package dev.kubetunnel.jetbrains;

import com.intellij.execution.ExecutionException;
import com.intellij.execution.RunManager;
import com.intellij.execution.RunnerAndConfigurationSettings;
import com.intellij.execution.configurations.RunConfiguration;
import com.intellij.execution.executors.DefaultDebugExecutor;
import com.intellij.execution.process.ProcessHandler;
import com.intellij.execution.process.ProcessOutputTypes;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.intellij.execution.runners.ExecutionEnvironmentBuilder;
import com.intellij.execution.ui.RunContentDescriptor;
import com.intellij.openapi.progress.ProgressIndicator;
import com.intellij.openapi.progress.ProgressManager;
import com.intellij.openapi.progress.Task;
import com.intellij.openapi.project.Project;
import dev.kubetunnel.core.Connection;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.core.Starting;
import dev.kubetunnel.core.Starting.Started;
import dev.kubetunnel.core.Words;
import java.util.Map;
import java.util.UUID;
import org.jetbrains.concurrency.AsyncPromise;

/**
 * One launch of "Debug in cluster", from the button to the running program.
 *
 * <p>The session is started in a background task that can be cancelled. Then, on the UI's thread, the other
 * configuration's copy is run with the same executor. Whatever goes wrong on the way ends the session.
 */
final class Launch {
    private final ExecutionEnvironment environment;
    private final Project project;
    private final Plan plan;
    private final String name;
    private final AsyncPromise<RunContentDescriptor> shown;
    private final KubeTunnel kubetunnel;
    private RunnerAndConfigurationSettings delegate;

    Launch(ExecutionEnvironment environment, DebugInCluster configuration, AsyncPromise<RunContentDescriptor> shown) {
        this.environment = environment;
        project = configuration.getProject();
        plan = configuration.plan().clone();
        name = configuration.getName();
        this.shown = shown;
        kubetunnel = KubeTunnel.of(project);
    }

    /** Refuses what can't work before anything is started. */
    void begin() throws ExecutionException {
        if (!plan.missing().isEmpty()) {
            throw new ExecutionException(plan.missing().get(0));
        }
        if (!plan.delegateName.isEmpty()) {
            delegate = Delegates.find(project, plan);
            if (delegate == null) {
                throw new ExecutionException("There is no run configuration \"" + plan.delegateName + "\" any more: choose another in \"" + name + "\"");
            }
        }
        Map<String, String> own = Map.of();
        if (plan.way == Plan.Way.ENVIRONMENT) {
            try {
                Delivery.copyWith(delegate.getConfiguration(), Map.of("KUBETUNNEL_CHECK", "1"));
            } catch (Delivery.Refused e) {
                throw new ExecutionException(e.getMessage(), e);
            }
            own = Delivery.own(delegate.getConfiguration());
        }
        ProgressManager.getInstance().run(new Start(own));
    }

    /** console is what there is to be seen of the program, null for nothing. */
    private void failed(Failure failure, RunContentDescriptor console) {
        shown.setResult(console); // what went wrong is told here, and better than by the platform
        Notices.failure(project, plan, failure);
    }

    /** The session is ready: the program's turn. */
    private void ready(Started started, SessionProcess process) {
        kubetunnel.preflights().forget(plan);
        if (project.isDisposed()) {
            kubetunnel.end(started.session());
            shown.setResult(null);
            return;
        }
        RunContentDescriptor console = null;
        try {
            if (plan.way == Plan.Way.ENVIRONMENT) {
                run(Delivery.copyWith(delegate.getConfiguration(), started.environment()), started);
                shown.setResult(null);
                return;
            }
            console = process.show(name);
            if (started.debugPort() != 0) {
                run(Delivery.copyWithPort(delegate.getConfiguration(), started.programPort(), started.debugPort()), started);
            }
            shown.setResult(console);
        } catch (ExecutionException | Delivery.Refused | RuntimeException e) { // the other configuration's code may throw anything
            kubetunnel.end(started.session());
            failed(Failure.of(e), console);
        }
    }

    private boolean isDebugged() {
        return delegate != null && DefaultDebugExecutor.EXECUTOR_ID.equals(environment.getExecutor().getId());
    }

    /** Runs the copy with the same executor, and ties it to the session. */
    private void run(RunConfiguration copy, Started started) throws ExecutionException {
        copy.setName(delegate.getName() + " in " + Words.target(plan.target()));
        RunnerAndConfigurationSettings settings = RunManager.getInstance(project).createConfiguration(copy, delegate.getFactory());
        // The manager has given it those of the template.
        copy.setBeforeRunTasks(delegate.getConfiguration().getBeforeRunTasks());
        ExecutionEnvironmentBuilder builder = ExecutionEnvironmentBuilder.createOrNull(environment.getExecutor(), settings);
        if (builder == null) {
            throw new ExecutionException("\"" + delegate.getName() + "\" can't be started with " + environment.getExecutor().getActionName());
        }
        ExecutionEnvironment own = builder.build();
        ExecutionEnvironment run = ofThisConfiguration(own);
        Delegate follower = new Delegate(project, kubetunnel, plan, started);
        follower.watchStart(run);
        own.getRunner().execute(run, follower);
    }

    /**
     * The copy's run is this configuration's: what the IDE offers for a run, that it goes on, Stop, Rerun and whether
     * there may be a second one, is by its configuration and its runner. A rerun of the copy alone would have no session.
     */
    private ExecutionEnvironment ofThisConfiguration(ExecutionEnvironment own) {
        RunnerAndConfigurationSettings settings = environment.getRunnerAndConfigurationSettings();
        if (settings == null) {
            return own;
        }
        return new ExecutionEnvironmentBuilder(own)
                .runnerAndSettings(environment.getRunner(), settings)
                .runProfile(own.getRunProfile())
                .runnerSettings(own.getRunnerSettings())
                .build();
    }

    /** The background task. */
    private final class Start extends Task.Backgroundable {
        private final Map<String, String> own;
        private final SessionProcess process;
        private Started started;
        private Failure failure;

        Start(Map<String, String> own) {
            super(Launch.this.project, "Debug in cluster: " + plan.service, true);
            this.own = own;
            // What the program writes from its first moment on is kept for the console.
            process = plan.way == Plan.Way.ATTACH ? new SessionProcess(kubetunnel, UUID.randomUUID().toString()) : null;
        }

        @Override
        public void run(ProgressIndicator indicator) {
            indicator.setIndeterminate(true);
            try {
                Connection connection = kubetunnel.connection(indicator::isCanceled);
                kubetunnel.awaitEnds(plan, indicator::isCanceled);
                String id = process == null ? UUID.randomUUID().toString() : process.id();
                started = Starting.start(connection, plan, id, own, isDebugged(), new Starting.Waiting() {
                    @Override
                    public void step(String text) {
                        indicator.setText(text);
                    }

                    @Override
                    public boolean isCancelled() {
                        return indicator.isCanceled();
                    }
                });
                if (process != null) {
                    process.follow(started.session());
                }
            } catch (Failure e) {
                failure = e;
            } catch (RuntimeException e) {
                failure = Failure.of(e);
            }
            Ide.onUi(this::done);
        }

        private void done() {
            if (failure != null) {
                failed(failure, process == null ? null : process.failed(name, failure));
            } else {
                ready(started, process);
            }
        }
    }

    /** Tells a line about the session in a program's console. */
    static void tell(ProcessHandler handler, String line) {
        if (!handler.isProcessTerminated()) {
            handler.notifyTextAvailable("KubeTunnel: " + line + "\n", ProcessOutputTypes.SYSTEM);
        }
    }
}
