package dev.kubetunnel.jetbrains;

import com.intellij.execution.Executor;
import com.intellij.execution.RunnerAndConfigurationSettings;
import com.intellij.execution.configurations.ConfigurationFactory;
import com.intellij.execution.configurations.RunConfiguration;
import com.intellij.execution.configurations.RunConfigurationBase;
import com.intellij.execution.configurations.RunConfigurationOptions;
import com.intellij.execution.configurations.RunProfileState;
import com.intellij.execution.configurations.RuntimeConfigurationError;
import com.intellij.execution.configurations.RuntimeConfigurationException;
import com.intellij.execution.configurations.RuntimeConfigurationWarning;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.intellij.openapi.options.SettingsEditor;
import com.intellij.openapi.project.Project;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.protocol.Protocol.Diagnostic;
import dev.kubetunnel.protocol.Protocol.Severity;
import java.util.HashMap;
import java.util.Map;
import org.jdom.Element;

/** A run configuration "Debug in cluster": a target, and another configuration that it runs or attaches. */
public final class DebugInCluster extends RunConfigurationBase<RunConfigurationOptions> {
    private static final String TAG = "kubetunnel";

    private Plan plan = new Plan();

    DebugInCluster(Project project, ConfigurationFactory factory, String name) {
        super(project, factory, name);
    }

    Plan plan() {
        return plan;
    }

    void setPlan(Plan plan) {
        this.plan = plan.clone();
    }

    @Override
    public RunConfiguration clone() {
        DebugInCluster copy = (DebugInCluster) super.clone();
        copy.plan = plan.clone();
        return copy;
    }

    @Override
    public void readExternal(Element element) {
        super.readExternal(element);
        Map<String, String> saved = new HashMap<>();
        Element own = element.getChild(TAG);
        if (own != null) {
            own.getAttributes().forEach(attribute -> saved.put(attribute.getName(), attribute.getValue()));
        }
        plan = Plan.load(saved);
    }

    @Override
    public void writeExternal(Element element) {
        super.writeExternal(element);
        Element own = new Element(TAG);
        plan.save().forEach(own::setAttribute);
        element.addContent(own);
    }

    @Override
    public SettingsEditor<? extends RunConfiguration> getConfigurationEditor() {
        return new DebugInClusterEditor(getProject());
    }

    /** What starts it is the runner; there is no process of its own. */
    @Override
    public RunProfileState getState(Executor executor, ExecutionEnvironment environment) {
        return (anExecutor, aRunner) -> null;
    }

    /** Called often, and on the UI's thread: it asks nothing, and tells what the last preflight has found. */
    @Override
    public void checkConfiguration() throws RuntimeConfigurationException {
        if (!plan.missing().isEmpty()) {
            throw new RuntimeConfigurationError(plan.missing().get(0));
        }
        checkDelegate();
        Preflights preflights = KubeTunnel.of(getProject()).preflights();
        for (Diagnostic finding : preflights.known(plan)) {
            if (Severity.INFO.equals(finding.severity)) {
                continue;
            }
            String text = Preflights.text(finding);
            RuntimeConfigurationException problem = Severity.ERROR.equals(finding.severity)
                    ? new RuntimeConfigurationError(text)
                    : new RuntimeConfigurationWarning(text);
            Runnable fix = QuickFixes.of(this, finding);
            if (fix != null) {
                problem.setQuickFix(fix);
            }
            throw problem;
        }
    }

    private void checkDelegate() throws RuntimeConfigurationException {
        if (plan.delegateName.isEmpty()) {
            return;
        }
        RunnerAndConfigurationSettings delegate = Delegates.find(getProject(), plan);
        if (delegate == null) {
            throw new RuntimeConfigurationError("There is no run configuration \"" + plan.delegateName + "\" any more: choose another");
        }
        if (plan.way == Plan.Way.ENVIRONMENT) {
            try {
                Delivery.copyWith(delegate.getConfiguration(), Map.of("KUBETUNNEL_CHECK", "1"));
            } catch (Delivery.Refused e) {
                throw new RuntimeConfigurationError(e.getMessage());
            }
        }
    }
}
