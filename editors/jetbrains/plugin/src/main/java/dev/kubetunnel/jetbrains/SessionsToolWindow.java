package dev.kubetunnel.jetbrains;

import com.intellij.openapi.project.DumbAware;
import com.intellij.openapi.project.Project;
import com.intellij.openapi.util.Disposer;
import com.intellij.openapi.wm.ToolWindow;
import com.intellij.openapi.wm.ToolWindowFactory;
import com.intellij.ui.content.Content;
import com.intellij.ui.content.ContentFactory;

/** The tool window "KubeTunnel", which is there also while the project is indexed. */
public final class SessionsToolWindow implements ToolWindowFactory, DumbAware {
    static final String ID = "KubeTunnel";

    @Override
    public void createToolWindowContent(Project project, ToolWindow window) {
        ClusterView view = new ClusterView(KubeTunnel.of(project));
        // The manager's own factory: how the application's is asked for has changed.
        ContentFactory factory = window.getContentManager().getFactory();
        Content content = factory.createContent(view.component(), "", false);
        Disposer.register(content, view);
        window.getContentManager().addContent(content);
    }
}
