package dev.kubetunnel.jetbrains;

import com.intellij.openapi.ide.CopyPasteManager;
import com.intellij.openapi.project.Project;
import dev.kubetunnel.core.Await;
import dev.kubetunnel.core.Connection;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.protocol.Protocol.Diagnostic;
import dev.kubetunnel.protocol.Protocol.Fix;
import dev.kubetunnel.protocol.Protocol.InstallOperatorParams;
import java.awt.datatransfer.StringSelection;
import java.util.Map;

/** What the server says would mend a finding, as something to press. */
final class QuickFixes {
    private QuickFixes() {}

    /** The mending of a finding about a configuration, null when there is none to press. */
    static Runnable of(DebugInCluster configuration, Diagnostic finding) {
        Fix fix = finding.fix;
        if (fix == null) {
            return null;
        }
        if (fix.value != null && finding.field != null && finding.field.startsWith("target.")) {
            return () -> {
                Map<String, String> saved = configuration.plan().save();
                saved.put(finding.field.substring("target.".length()), fix.value);
                configuration.setPlan(Plan.load(saved));
            };
        }
        return of(configuration.getProject(), configuration.plan(), fix);
    }

    /** The mending that needs no configuration. */
    static Runnable of(Project project, Plan plan, Fix fix) {
        if ("operator/install".equals(fix.method)) {
            return () -> Ide.inBackground(() -> install(project, plan));
        }
        String text = fix.command != null ? fix.command : fix.yaml;
        return text == null ? null : () -> CopyPasteManager.getInstance().setContents(new StringSelection(text));
    }

    /** What to write on a button for it. */
    static String title(Fix fix) {
        if ("operator/install".equals(fix.method) || fix.value != null || fix.command == null && fix.yaml == null) {
            return fix.title;
        }
        return "Copy: " + fix.title;
    }

    private static void install(Project project, Plan plan) {
        try {
            Connection connection = KubeTunnel.of(project).connection();
            InstallOperatorParams params = new InstallOperatorParams();
            params.context = plan.context.isEmpty() ? null : plan.context;
            Await.of(connection.answer(connection.server().installOperator(params)));
            KubeTunnel.of(project).preflights().ask(plan, () -> false);
            Notices.information(project, "The operator is installed", "");
        } catch (Failure e) {
            Notices.failure(project, plan, e);
        }
    }
}
