package dev.kubetunnel.jetbrains;

import com.intellij.execution.BeforeRunTask;
import com.intellij.execution.CommonProgramRunConfigurationParameters;
import com.intellij.execution.ExecutionException;
import com.intellij.execution.Executor;
import com.intellij.execution.configurations.ConfigurationFactory;
import com.intellij.execution.configurations.ConfigurationTypeBase;
import com.intellij.execution.configurations.GeneralCommandLine;
import com.intellij.execution.configurations.RunConfiguration;
import com.intellij.execution.configurations.RunConfigurationBase;
import com.intellij.execution.configurations.RunConfigurationOptions;
import com.intellij.execution.configurations.RunProfile;
import com.intellij.execution.configurations.RunProfileState;
import com.intellij.execution.configurations.RunnerSettings;
import com.intellij.execution.process.OSProcessHandler;
import com.intellij.execution.process.ProcessAdapter;
import com.intellij.execution.process.ProcessEvent;
import com.intellij.execution.runners.AsyncProgramRunner;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.intellij.execution.ui.RunContentDescriptor;
import com.intellij.openapi.options.SettingsEditor;
import com.intellij.openapi.project.Project;
import com.intellij.openapi.util.Key;
import com.intellij.util.io.BaseOutputReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.swing.JPanel;
import org.jdom.Element;
import org.jetbrains.concurrency.AsyncPromise;
import org.jetbrains.concurrency.Promise;

/** Run configurations as IDEs have them: each runs a real process, and takes variables in its own way. */
abstract class Delegated extends RunConfigurationBase<RunConfigurationOptions> {
    /** The processes that were started, in their order. */
    static final List<OSProcessHandler> STARTED = new CopyOnWriteArrayList<>();

    /** What they have in their consoles, and what they were started as, in the same order. */
    static final List<StringBuffer> WRITTEN = new CopyOnWriteArrayList<>();
    static final List<ExecutionEnvironment> ENVIRONMENTS = new CopyOnWriteArrayList<>();

    /** What was to be done before the last start. */
    static volatile List<BeforeRunTask<?>> before = List.of();

    static void forget() {
        before = List.of();
        STARTED.clear();
        WRITTEN.clear();
        ENVIRONMENTS.clear();
    }

    List<String> command = new ArrayList<>();
    Map<String, String> variables = new TreeMap<>();
    String port = "5005";

    Delegated(Project project, ConfigurationFactory factory, String name) {
        super(project, factory, name);
    }

    @Override
    public RunConfiguration clone() {
        Delegated copy = (Delegated) super.clone();
        copy.command = new ArrayList<>(command);
        copy.variables = new TreeMap<>(variables);
        return copy;
    }

    @Override
    public SettingsEditor<? extends RunConfiguration> getConfigurationEditor() {
        return null;
    }

    @Override
    public RunProfileState getState(Executor executor, ExecutionEnvironment environment) {
        return (anExecutor, runner) -> {
            throw new UnsupportedOperationException();
        };
    }

    private OSProcessHandler start(ExecutionEnvironment environment) throws ExecutionException {
        List<String> line = command.stream().map(word -> word.replace("{port}", port)).toList();
        OSProcessHandler handler = new OSProcessHandler(new GeneralCommandLine(line).withEnvironment(variables)) {
            @Override
            protected BaseOutputReader.Options readerOptions() {
                return BaseOutputReader.Options.forMostlySilentProcess();
            }

            // How the platform of 2018 ends a process looks into Java as it was then.
            @Override
            protected void doDestroyProcess() {
                getProcess().destroy();
            }
        };
        StringBuffer written = new StringBuffer();
        handler.addProcessListener(new ProcessAdapter() {
            @Override
            public void onTextAvailable(ProcessEvent event, Key type) {
                written.append(event.getText());
            }
        });
        WRITTEN.add(written);
        ENVIRONMENTS.add(environment);
        before = getBeforeRunTasks();
        STARTED.add(handler);
        return handler;
    }

    /** Takes them as the platform has it. */
    static final class Common extends Delegated implements CommonProgramRunConfigurationParameters {
        Common(Project project, ConfigurationFactory factory, String name) {
            super(project, factory, name);
        }

        @Override
        public void writeExternal(Element element) {
            super.writeExternal(element);
            Element envs = new Element("envs");
            variables.forEach((name, value) -> envs.addContent(new Element("env").setAttribute("name", name).setAttribute("value", value)));
            element.addContent(envs);
        }

        @Override
        public void setEnvs(Map<String, String> envs) {
            variables = new TreeMap<>(envs);
        }

        @Override
        public Map<String, String> getEnvs() {
            return variables;
        }

        @Override
        public void setPassParentEnvs(boolean pass) {}

        @Override
        public boolean isPassParentEnvs() {
            return true;
        }

        @Override
        public void setProgramParameters(String value) {}

        @Override
        public String getProgramParameters() {
            return null;
        }

        @Override
        public void setWorkingDirectory(String value) {}

        @Override
        public String getWorkingDirectory() {
            return null;
        }
    }

    /** Keeps them in XML, below a tag or in an option. */
    static final class InXml extends Delegated {
        private final boolean option;

        InXml(Project project, ConfigurationFactory factory, String name, boolean option) {
            super(project, factory, name);
            this.option = option;
        }

        @Override
        public void writeExternal(Element element) {
            super.writeExternal(element);
            Element parent = new Element(option ? "map" : "envs");
            variables.forEach((name, value) -> parent.addContent(
                    new Element(option ? "entry" : "env").setAttribute(option ? "key" : "name", name).setAttribute("value", value)));
            element.addContent(option ? new Element("option").setAttribute("name", "env").addContent(parent) : parent);
            element.addContent(new Element("other").setAttribute("kept", "yes"));
        }

        @Override
        public void readExternal(Element element) {
            super.readExternal(element);
            variables = new TreeMap<>();
            Element holder = option ? element.getChild("option") : element;
            Element parent = holder == null ? null : holder.getChild(option ? "map" : "envs");
            if (parent != null) {
                parent.getChildren().forEach(child -> variables.put(child.getAttributeValue(option ? "key" : "name"), child.getAttributeValue("value")));
            }
        }
    }

    /** Takes none: it attaches to a port. */
    static final class Attach extends Delegated {
        Attach(Project project, ConfigurationFactory factory, String name) {
            super(project, factory, name);
        }

        @Override
        public void writeExternal(Element element) {
            super.writeExternal(element);
            element.addContent(new Element("option").setAttribute("name", "PORT").setAttribute("value", port));
        }

        @Override
        public void readExternal(Element element) {
            super.readExternal(element);
            port = element.getChild("option").getAttributeValue("value");
        }
    }

    /** Its type, which is the same for all. */
    static final class Type extends ConfigurationTypeBase {
        Type() {
            super("TestDelegated", "Shell", "Runs a command", (javax.swing.Icon) null);
            addFactory(new ConfigurationFactory(this) {
                @Override
                public String getId() {
                    return "TestDelegated";
                }

                @Override
                public RunConfiguration createTemplateConfiguration(Project project) {
                    return new Common(project, this, "");
                }
            });
        }

        ConfigurationFactory factory() {
            return getConfigurationFactories()[0];
        }
    }

    /** Runs all of them. */
    static final class Runner extends AsyncProgramRunner<RunnerSettings> {
        @Override
        public String getRunnerId() {
            return "TestDelegatedRunner";
        }

        @Override
        public boolean canRun(String executorId, RunProfile profile) {
            return profile instanceof Delegated;
        }

        @Override
        protected Promise<RunContentDescriptor> execute(ExecutionEnvironment environment, RunProfileState state) throws ExecutionException {
            Delegated configuration = (Delegated) environment.getRunProfile();
            OSProcessHandler handler = configuration.start(environment);
            AsyncPromise<RunContentDescriptor> shown = new AsyncPromise<>();
            shown.setResult(new RunContentDescriptor(null, handler, new JPanel(), configuration.getName()));
            handler.startNotify();
            return shown;
        }
    }
}
