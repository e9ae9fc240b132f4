package dev.kubetunnel.jetbrains;

import com.intellij.execution.RunnerAndConfigurationSettings;
import com.intellij.openapi.options.SettingsEditor;
import com.intellij.openapi.project.Project;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.Diagnostic;
import dev.kubetunnel.protocol.Protocol.KubeContext;
import dev.kubetunnel.protocol.Protocol.Service;
import dev.kubetunnel.protocol.Protocol.ServicePort;
import dev.kubetunnel.protocol.Protocol.Severity;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import javax.swing.JComponent;

/**
 * The editor of a "Debug in cluster": the lists are live while it is shown, and the target is looked over in
 * the background after each change, so that nothing is asked while the program is launched.
 */
final class DebugInClusterEditor extends SettingsEditor<DebugInCluster> {
    private final Project project;
    private final PlanForm form = new PlanForm();
    private final KubeTunnel kubetunnel;
    /** What was asked for last; anything before it is cancelled. */
    private final AtomicInteger asked = new AtomicInteger();
    private DebugInCluster edited;

    DebugInClusterEditor(Project project) {
        this.project = project;
        kubetunnel = KubeTunnel.of(project);
        form.onTargetChange(this::refresh);
    }

    PlanForm form() {
        return form;
    }

    @Override
    protected void resetEditorFrom(DebugInCluster configuration) {
        edited = configuration;
        List<PlanForm.Delegate> delegates = new ArrayList<>();
        for (RunnerAndConfigurationSettings settings : Delegates.all(project)) {
            delegates.add(new PlanForm.Delegate(settings.getType().getId(), settings.getName(), settings.getType().getDisplayName()));
        }
        form.setDelegates(delegates);
        form.show(configuration.plan());
        refresh();
    }

    @Override
    protected void applyEditorTo(DebugInCluster configuration) {
        configuration.setPlan(form.plan());
    }

    @Override
    protected JComponent createEditor() {
        return form.component();
    }

    /** Nobody looks any more. */
    @Override
    protected void disposeEditor() {
        asked.incrementAndGet();
    }

    /** Asks for what the fields may hold now, and what the server thinks of what they hold. */
    private void refresh() {
        Plan plan = form.plan();
        int number = asked.incrementAndGet();
        form.setFindings("Looking at the cluster …", false, null, null);
        BooleanSupplier late = () -> asked.get() != number;
        Ide.inBackground(() -> {
            ClusterLists lists = new ClusterLists(kubetunnel, late);
            try {
                List<String> contexts = lists.contexts().stream().map((KubeContext context) -> context.name).toList();
                show(number, () -> form.setContexts(contexts));
                List<String> namespaces = lists.namespaces(plan.context);
                show(number, () -> form.setNamespaces(namespaces));
                List<Service> services = lists.services(plan.context, plan.namespace);
                show(number, () -> form.setServices(services.stream().map(DebugInClusterEditor::choice).toList()));
                List<String> ports = ports(services, plan.service);
                show(number, () -> form.setPorts(ports));
            } catch (Failure e) {
                show(number, () -> form.setFindings(e.forPeople(), true, null, null));
                if (plan.service.isEmpty()) {
                    return;
                }
            }
            if (plan.service.isEmpty()) {
                show(number, () -> form.setFindings("", false, null, null));
                return;
            }
            List<Diagnostic> found = kubetunnel.preflights().ask(plan, late);
            show(number, () -> tell(found));
        });
    }

    private void show(int number, Runnable change) {
        Ide.onUi(() -> {
            if (asked.get() == number) {
                change.run();
            }
        });
    }

    private void tell(List<Diagnostic> found) {
        for (Diagnostic finding : found) {
            if (!Severity.INFO.equals(finding.severity)) {
                Runnable fix = edited == null ? null : QuickFixes.of(edited, finding);
                form.setFindings(Preflights.text(finding), Severity.ERROR.equals(finding.severity),
                        fix == null ? null : QuickFixes.title(finding.fix), fix == null ? null : () -> {
                            edited.setPlan(form.plan());
                            fix.run();
                            form.show(edited.plan());
                            refresh();
                        });
                fireEditorStateChanged();
                return;
            }
        }
        form.setFindings("The Service can be debugged.", false, null, null);
        fireEditorStateChanged();
    }

    private static PlanForm.Choice choice(Service service) {
        return new PlanForm.Choice(service.name, Words.service(service));
    }

    private static List<String> ports(List<Service> services, String name) {
        List<String> ports = new ArrayList<>();
        ports.add("");
        for (Service service : services) {
            if (service.name.equals(name)) {
                for (ServicePort port : service.ports) {
                    ports.add(port.name == null || port.name.isEmpty() ? String.valueOf(port.port) : port.name);
                }
            }
        }
        return ports;
    }
}
