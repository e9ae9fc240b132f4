package dev.kubetunnel.jetbrains;

import com.intellij.openapi.options.Configurable;
import com.intellij.openapi.project.Project;
import com.intellij.openapi.project.ProjectManager;
import javax.swing.JComponent;
import javax.swing.JTextField;

/** Settings, Tools, KubeTunnel. */
public final class OptionsPage implements Configurable {
    private JTextField server;
    private JTextField kubeconfig;

    @Override
    public String getDisplayName() {
        return "KubeTunnel";
    }

    @Override
    public JComponent createComponent() {
        server = new JTextField(40);
        kubeconfig = new JTextField(40);
        Form form = new Form();
        form.row("tunnel-&server:", server, "Empty: the one in PATH");
        form.row("&Kubeconfig:", kubeconfig, "Empty: $KUBECONFIG, or ~/.kube/config");
        form.hint("A change ends the sessions that run.");
        form.fill();
        reset();
        return form.panel();
    }

    @Override
    public boolean isModified() {
        return !shown().same(Options.load());
    }

    @Override
    public void apply() {
        shown().save();
        for (Project project : ProjectManager.getInstance().getOpenProjects()) {
            Ide.inBackground(() -> KubeTunnel.of(project).restart());
        }
    }

    @Override
    public void reset() {
        Options options = Options.load();
        server.setText(options.server);
        kubeconfig.setText(options.kubeconfig);
    }

    @Override
    public void disposeUIResources() {
        server = null;
        kubeconfig = null;
    }

    private Options shown() {
        return new Options(server.getText(), kubeconfig.getText());
    }
}
