package dev.kubetunnel.jetbrains;

import com.intellij.openapi.Disposable;
import dev.kubetunnel.core.Await;
import dev.kubetunnel.core.Connection;
import dev.kubetunnel.core.Events;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.EndInterceptParams;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.SessionParams;
import java.awt.BorderLayout;
import java.awt.FlowLayout;
import java.util.List;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JPanel;
import javax.swing.JScrollPane;
import javax.swing.JTree;
import javax.swing.ToolTipManager;
import javax.swing.event.TreeExpansionEvent;
import javax.swing.event.TreeExpansionListener;
import javax.swing.tree.TreePath;
import javax.swing.tree.TreeSelectionModel;

/**
 * The content of the tool window: this project's sessions with their stages, and contexts, namespaces and
 * Services with who debugs them. The cluster is asked only while somebody looks.
 */
final class ClusterView implements Disposable {
    private final KubeTunnel kubetunnel;
    private final ViewModel model = new ViewModel();
    private final ClusterFollower cluster;
    private final JTree tree = new JTree(model.tree());
    private final JButton stop = Form.button(new JButton(), "&Stop");
    private final JPanel panel = new JPanel(new BorderLayout());
    private volatile boolean disposed;

    ClusterView(KubeTunnel kubetunnel) {
        this.kubetunnel = kubetunnel;
        cluster = new ClusterFollower(kubetunnel, model, this::showClusters);
        tree.setRootVisible(false);
        tree.setShowsRootHandles(true);
        tree.setCellRenderer(new ViewModel.Renderer());
        tree.getSelectionModel().setSelectionMode(TreeSelectionModel.SINGLE_TREE_SELECTION);
        ToolTipManager.sharedInstance().registerComponent(tree); // an unregistered tree shows no tips
        tree.getAccessibleContext().setAccessibleName("KubeTunnel sessions and Services");
        tree.addTreeSelectionListener(event -> enableStop());
        tree.addTreeExpansionListener(new TreeExpansionListener() {
            @Override
            public void treeExpanded(TreeExpansionEvent event) {
                if (model.opened(event.getPath())) {
                    cluster.update();
                }
            }

            @Override
            public void treeCollapsed(TreeExpansionEvent event) {
                model.closed(event.getPath());
                cluster.update();
            }
        });
        JPanel buttons = new JPanel(new FlowLayout(FlowLayout.LEADING, 4, 2));
        JButton refresh = Form.button(new JButton(), "&Refresh");
        buttons.add(stop);
        buttons.add(refresh);
        stop.addActionListener(event -> stopSelected());
        refresh.addActionListener(event -> cluster.refresh());
        panel.add(buttons, BorderLayout.PAGE_START);
        panel.add(new JScrollPane(tree), BorderLayout.CENTER);
        panel.addHierarchyListener(event -> look(panel.isShowing()));
        enableStop();
        kubetunnel.listen(new Events() {
            @Override
            public void changed(SessionInfo info) {
                Ide.onUi(ClusterView.this::showSessions);
            }

            @Override
            public void gone(String how) {
                Ide.onUi(ClusterView.this::showSessions);
            }
        }, this);
        showSessions();
    }

    JComponent component() {
        return panel;
    }

    private void showSessions() {
        model.setSessions(kubetunnel.sessions());
        expand(model.sessionsPath());
        model.openSessions().forEach(this::expand);
        enableStop();
    }

    JTree tree() {
        return tree;
    }

    /** Shows that, and asks nobody. */
    void show(List<SessionInfo> sessions, List<ViewModel.Cluster> clusters, String problem) {
        model.setSessions(sessions);
        model.setClusters(clusters, problem);
        expand(model.sessionsPath());
        model.openSessions().forEach(this::expand);
        expandClusters();
        enableStop();
    }

    private void showClusters() {
        model.setClusters(cluster.clusters(), cluster.problem());
        expandClusters();
        enableStop();
    }

    private void expandClusters() {
        expand(model.clustersPath());
        model.openClusters().forEach(this::expand);
    }

    /** Follows the cluster, or doesn't any more. */
    void look(boolean on) {
        cluster.look(on && !disposed);
    }

    private void expand(TreePath path) {
        tree.expandPath(path);
    }

    private void enableStop() {
        Object chosen = model.chosen(tree.getSelectionPath());
        boolean session = chosen instanceof SessionInfo info && !Words.isOver(info);
        boolean mine = chosen instanceof ViewModel.Listed listed && listed.service().intercept != null && listed.service().intercept.mine;
        stop.setEnabled(session || mine);
        stop.setToolTipText(mine ? "End your intercept of this Service" : "End the session and put its Service back");
    }

    private void stopSelected() {
        stop(model.chosen(tree.getSelectionPath()));
    }

    /** Ends what a line stands for, a session or an intercept, in the background. */
    void stop(Object chosen) {
        Ide.inBackground(() -> {
            try {
                if (chosen instanceof SessionInfo info) {
                    SessionParams params = new SessionParams();
                    params.id = info.id;
                    Connection connection = kubetunnel.connection(this::isDisposed);
                    Await.of(connection.answer(connection.server().stopSession(params)), this::isDisposed);
                } else if (chosen instanceof ViewModel.Listed listed) {
                    EndInterceptParams params = new EndInterceptParams();
                    params.context = listed.context().name;
                    params.namespace = listed.service().namespace;
                    params.service = listed.service().name;
                    Connection connection = kubetunnel.connection(this::isDisposed);
                    Await.of(connection.answer(connection.server().endIntercept(params)), this::isDisposed);
                }
            } catch (Failure e) {
                if (!e.isCancelled()) {
                    Notices.information(kubetunnel.project(), "It was not stopped", e.forPeople());
                }
            }
        });
    }

    @Override
    public void dispose() {
        disposed = true;
        cluster.look(false);
    }

    private boolean isDisposed() {
        return disposed;
    }
}
