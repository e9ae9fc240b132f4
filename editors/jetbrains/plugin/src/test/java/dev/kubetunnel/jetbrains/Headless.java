package dev.kubetunnel.jetbrains;

import com.intellij.core.CoreApplicationEnvironment;
import com.intellij.execution.ExecutionManager;
import com.intellij.execution.Executor;
import com.intellij.execution.RunManager;
import com.intellij.execution.RunnerAndConfigurationSettings;
import com.intellij.execution.configurations.ConfigurationFactory;
import com.intellij.execution.configurations.ConfigurationType;
import com.intellij.execution.configurations.RunConfiguration;
import com.intellij.execution.executors.DefaultDebugExecutor;
import com.intellij.execution.executors.DefaultRunExecutor;
import com.intellij.execution.filters.TextConsoleBuilderFactory;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.intellij.execution.runners.ExecutionEnvironmentBuilder;
import com.intellij.execution.runners.ProgramRunner;
import com.intellij.ide.util.PropertiesComponent;
import com.intellij.mock.MockApplication;
import com.intellij.mock.MockApplicationEx;
import com.intellij.mock.MockProject;
import com.intellij.notification.Notification;
import com.intellij.notification.Notifications;
import com.intellij.openapi.Disposable;
import com.intellij.openapi.application.ApplicationInfo;
import com.intellij.openapi.application.ModalityState;
import com.intellij.openapi.progress.EmptyProgressIndicator;
import com.intellij.openapi.progress.ProgressIndicator;
import com.intellij.openapi.progress.ProgressManager;
import com.intellij.openapi.progress.Task;
import com.intellij.openapi.progress.impl.CoreProgressManager;
import com.intellij.openapi.util.Disposer;
import dev.kubetunnel.core.Folders;
import dev.kubetunnel.core.Stage;
import java.awt.EventQueue;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;

/**
 * An IDE without screens: the platform's own application, message bus, extension points, progress, executors and
 * process handlers; what keeps run configurations and shows consoles is implementation there, and stands in here.
 */
final class Headless implements AutoCloseable {
    final Disposable root = Disposer.newDisposable();
    final MockProject project;
    final Configurations manager = new Configurations();
    final Executions executions = new Executions();
    final List<Notification> notifications = new CopyOnWriteArrayList<>();
    final Console console = new Console();
    final DebugInClusterType type;
    private boolean closed;
    /** The last background task's, and its thread. */
    volatile ProgressIndicator progress;
    volatile Thread task;

    Headless() {
        CoreApplicationEnvironment environment = new CoreApplicationEnvironment(root) {
            @Override
            protected MockApplication createApplication(Disposable parent) {
                return new QueueApplication(parent);
            }

            @Override
            protected ProgressManager createProgressIndicatorProvider() {
                return new Progress();
            }
        };
        environment.getApplication().registerService(ApplicationInfo.class, Information.class);
        environment.registerApplicationService(PropertiesComponent.class, new Properties());
        environment.registerApplicationService(TextConsoleBuilderFactory.class, console.factory());
        CoreApplicationEnvironment.registerApplicationExtensionPoint(ConfigurationType.CONFIGURATION_TYPE_EP, ConfigurationType.class);
        CoreApplicationEnvironment.registerApplicationExtensionPoint(ProgramRunner.PROGRAM_RUNNER_EP, generic(ProgramRunner.class));
        type = new DebugInClusterType();
        environment.addExtension(ConfigurationType.CONFIGURATION_TYPE_EP, type);
        environment.addExtension(ProgramRunner.PROGRAM_RUNNER_EP, generic(new DebugInClusterRunner()));
        environment.addExtension(ProgramRunner.PROGRAM_RUNNER_EP, generic(new Delegated.Runner()));
        project = new MockProject(environment.getApplication().getPicoContainer(), root) {
            @Override
            public String getBasePath() {
                return Folders.project().toString();
            }
        };
        project.registerService(RunManager.class, manager);
        project.registerService(ExecutionManager.class, executions);
        project.getMessageBus().connect().subscribe(Notifications.TOPIC, new Notifications() {
            @Override
            public void notify(Notification notification) {
                notifications.add(notification);
            }

            @Override
            public void register(String group, com.intellij.notification.NotificationDisplayType display, boolean log, boolean read) {}

            @Override
            public void register(String group, com.intellij.notification.NotificationDisplayType display, boolean log) {}

            @Override
            public void register(String group, com.intellij.notification.NotificationDisplayType display) {}
        });
    }

    @SuppressWarnings("unchecked")
    private static ProgramRunner<com.intellij.execution.configurations.RunnerSettings> generic(ProgramRunner<?> runner) {
        return (ProgramRunner<com.intellij.execution.configurations.RunnerSettings>) runner;
    }

    @SuppressWarnings("unchecked")
    private static Class<? extends ProgramRunner<com.intellij.execution.configurations.RunnerSettings>> generic(Class<?> runner) {
        return (Class<? extends ProgramRunner<com.intellij.execution.configurations.RunnerSettings>>) runner;
    }

    /** Adds a configuration to those that people see. */
    RunnerAndConfigurationSettings add(RunConfiguration configuration) {
        RunnerAndConfigurationSettings settings = manager.createConfiguration(configuration, configuration.getFactory());
        manager.addConfiguration(settings);
        return settings;
    }

    DebugInCluster debugInCluster() {
        return (DebugInCluster) type.factory().createTemplateConfiguration(project);
    }

    /** Presses the Debug button, or the Run button, and answers whose run it is. */
    RunnerAndConfigurationSettings debug(RunConfiguration configuration) throws Exception {
        return press(new DefaultDebugExecutor(), configuration);
    }

    RunnerAndConfigurationSettings run(RunConfiguration configuration) throws Exception {
        return press(new DefaultRunExecutor(), configuration);
    }

    private RunnerAndConfigurationSettings press(Executor executor, RunConfiguration configuration) throws Exception {
        RunnerAndConfigurationSettings settings = manager.createConfiguration(configuration, configuration.getFactory());
        ExecutionEnvironment environment = ExecutionEnvironmentBuilder.create(executor, settings).build();
        onUi(() -> {
            environment.getRunner().execute(environment);
            return null;
        });
        return settings;
    }

    static <T> T onUi(Callable<T> task) throws Exception {
        FutureTask<T> future = new FutureTask<>(task);
        EventQueue.invokeLater(future);
        return future.get();
    }

    /** What was notified, once there is something. */
    Notification notified() {
        return Stage.until("a notification", () -> notifications.get(0));
    }

    /** The project is closed, on the UI's thread as an IDE does it. */
    void closeProject() throws Exception {
        onUi(() -> {
            Disposer.dispose(project);
            return null;
        });
    }

    /** The IDE is closed. It may be closed twice. */
    @Override
    public void close() throws Exception {
        onUi(() -> {
            if (!closed) {
                closed = true;
                Disposer.dispose(root);
            }
            return null;
        });
    }

    /** An interface of which the tests need little: the rest answers null, false and 0. */
    static <T> T stub(Class<T> type, InvocationHandler known) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
            switch (method.getName()) {
                case "hashCode":
                    return System.identityHashCode(proxy);
                case "equals":
                    return proxy == arguments[0];
                case "toString":
                    return type.getSimpleName();
                default:
            }
            Object answer = known.invoke(proxy, method, arguments);
            if (answer != null || !method.getReturnType().isPrimitive()) {
                return answer;
            }
            return method.getReturnType() == boolean.class ? Boolean.FALSE : method.getReturnType() == int.class ? (Object) 0 : null;
        }));
    }

    /** Its UI thread is Swing's. */
    private static final class QueueApplication extends MockApplicationEx {
        QueueApplication(Disposable parent) {
            super(parent);
        }

        @Override
        public boolean isUnitTestMode() {
            return true;
        }

        @Override
        public boolean isDispatchThread() {
            return EventQueue.isDispatchThread();
        }

        @Override
        public void invokeLater(Runnable runnable, ModalityState state) {
            EventQueue.invokeLater(runnable);
        }

        @Override
        public Future<?> executeOnPooledThread(Runnable action) {
            FutureTask<Void> task = new FutureTask<>(action, null);
            Thread thread = new Thread(task, "pooled");
            thread.setDaemon(true);
            thread.start();
            return task;
        }
    }

    /** Runs a background task in the background, and keeps its indicator, so that it can be cancelled as by its button. */
    private final class Progress extends CoreProgressManager {
        @Override
        public void run(Task task) {
            ProgressIndicator indicator = new EmptyProgressIndicator();
            progress = indicator;
            Thread thread = new Thread(() -> task.run(indicator), "background task");
            thread.setDaemon(true);
            Headless.this.task = thread;
            thread.start();
        }
    }

    /** The user's run configurations. */
    static final class Configurations extends RunManager {
        private final List<RunnerAndConfigurationSettings> all = new CopyOnWriteArrayList<>();
        private RunnerAndConfigurationSettings selected;

        private RunnerAndConfigurationSettings settings(RunConfiguration configuration) {
            return stub(RunnerAndConfigurationSettings.class, (proxy, method, arguments) -> switch (method.getName()) {
                case "getConfiguration" -> configuration;
                case "getFactory" -> configuration.getFactory();
                case "getType" -> configuration.getType();
                case "getName", "getUniqueID" -> configuration.getName();
                default -> null;
            });
        }

        @Override
        public RunnerAndConfigurationSettings createConfiguration(RunConfiguration configuration, ConfigurationFactory factory) {
            configuration.setBeforeRunTasks(List.of()); // the template's, as in the platform
            return settings(configuration);
        }

        @Override
        public RunnerAndConfigurationSettings createConfiguration(String name, ConfigurationFactory factory) {
            RunConfiguration configuration = factory.createTemplateConfiguration(null);
            configuration.setName(name);
            return settings(configuration);
        }

        @Override
        public void addConfiguration(RunnerAndConfigurationSettings settings) {
            all.add(settings);
        }

        @Override
        public void removeConfiguration(RunnerAndConfigurationSettings settings) {
            all.remove(settings);
        }

        @Override
        public List<RunnerAndConfigurationSettings> getAllSettings() {
            return all;
        }

        @Override
        public List<RunnerAndConfigurationSettings> getConfigurationSettingsList(ConfigurationType type) {
            return all.stream().filter(settings -> settings.getType() == type).toList();
        }

        @Override
        public List<RunConfiguration> getConfigurationsList(ConfigurationType type) {
            return getConfigurationSettingsList(type).stream().map(RunnerAndConfigurationSettings::getConfiguration).toList();
        }

        @Override
        public List<RunConfiguration> getAllConfigurationsList() {
            return all.stream().map(RunnerAndConfigurationSettings::getConfiguration).toList();
        }

        @Override
        public List<RunnerAndConfigurationSettings> getTempConfigurationsList() {
            return List.of();
        }

        @Override
        public RunnerAndConfigurationSettings getSelectedConfiguration() {
            return selected;
        }

        @Override
        public void setSelectedConfiguration(RunnerAndConfigurationSettings settings) {
            selected = settings;
        }

        @Override
        public RunnerAndConfigurationSettings getConfigurationTemplate(ConfigurationFactory factory) {
            return null;
        }

        @Override
        public RunnerAndConfigurationSettings findConfigurationByName(String name) {
            return all.stream().filter(settings -> settings.getName().equals(name)).findFirst().orElse(null);
        }

        @Override
        public RunnerAndConfigurationSettings findSettings(RunConfiguration configuration) {
            return all.stream().filter(settings -> settings.getConfiguration() == configuration).findFirst().orElse(null);
        }

        @Override
        public boolean isTemplate(RunConfiguration configuration) {
            return false;
        }

        @Override
        public void setTemporaryConfiguration(RunnerAndConfigurationSettings settings) {}

        @Override
        public void makeStable(RunnerAndConfigurationSettings settings) {}

        @Override
        public void refreshUsagesList(com.intellij.execution.configurations.RunProfile profile) {}

        @Override
        public boolean hasSettings(RunnerAndConfigurationSettings settings) {
            return all.contains(settings);
        }
    }
}
