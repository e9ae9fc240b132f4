package dev.kubetunnel.jetbrains;

import com.intellij.openapi.Disposable;
import dev.kubetunnel.core.Await;
import dev.kubetunnel.core.Connection;
import dev.kubetunnel.core.Events;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.EndInterceptParams;
import dev.kubetunnel.protocol.Protocol.KubeContext;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.SessionParams;
import java.awt.BorderLayout;
import java.awt.FlowLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JPanel;
import javax.swing.JScrollPane;
import javax.swing.JTree;
import javax.swing.Timer;
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
    /** How often what is visible is asked for. */
    private static final int PAUSE_MILLIS = 3000;

    private final KubeTunnel kubetunnel;
    private final ClusterLists lists;
    private final ViewModel model = new ViewModel();
    private final JTree tree = new JTree(model.tree());
    private final JButton stop = Form.button(new JButton(), "&Stop");
    private final JPanel panel = new JPanel(new BorderLayout());
    private final Timer timer = new Timer(PAUSE_MILLIS, event -> lookAgain());
    private volatile boolean asking;
    private volatile boolean disposed;

    ClusterView(KubeTunnel kubetunnel) {
        this.kubetunnel = kubetunnel;
        lists = new ClusterLists(kubetunnel, this::isDisposed);
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
                    look();
                }
            }

            @Override
            public void treeCollapsed(TreeExpansionEvent event) {
                model.closed(event.getPath());
            }
        });
        JPanel buttons = new JPanel(new FlowLayout(FlowLayout.LEADING, 4, 2));
        JButton refresh = Form.button(new JButton(), "&Refresh");
        buttons.add(stop);
        buttons.add(refresh);
        stop.addActionListener(event -> stopSelected());
        refresh.addActionListener(event -> look());
        panel.add(buttons, BorderLayout.PAGE_START);
        panel.add(new JScrollPane(tree), BorderLayout.CENTER);
        panel.addHierarchyListener(event -> {
            if (panel.isShowing()) {
                timer.start();
                lookAgain();
            } else {
                timer.stop();
            }
        });
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
        expand(model.clustersPath());
        model.openClusters().forEach(this::expand);
        enableStop();
    }

    private void lookAgain() {
        if (!asking) {
            look();
        }
    }

    /** Asks for contexts, for the namespaces of those that are open, and for the Services of those namespaces that are. */
    void look() {
        asking = true;
        Ide.inBackground(() -> {
            List<ViewModel.Cluster> clusters = new ArrayList<>();
            String problem = null;
            try {
                for (KubeContext context : lists.contexts()) {
                    clusters.add(cluster(context));
                }
            } catch (Failure e) {
                problem = e.forPeople();
            }
            String text = problem;
            Ide.onUi(() -> {
                asking = false;
                show(kubetunnel.sessions(), clusters, text);
            });
        });
    }

    private ViewModel.Cluster cluster(KubeContext context) {
        if (!model.isOpen(context)) {
            return new ViewModel.Cluster(context, null, null);
        }
        try {
            List<ViewModel.Namespace> namespaces = new ArrayList<>();
            for (String name : ownFirst(context.namespace, lists.namespaces(context.name))) {
                namespaces.add(namespace(context, name));
            }
            return new ViewModel.Cluster(context, namespaces, null);
        } catch (Failure e) {
            // Who may not list namespaces has the context's own all the same.
            return new ViewModel.Cluster(context, List.of(namespace(context, context.namespace)), e.forPeople());
        }
    }

    private static List<String> ownFirst(String own, List<String> names) {
        return names.stream().sorted(Comparator.comparing((String name) -> !name.equals(own))).toList();
    }

    private ViewModel.Namespace namespace(KubeContext context, String name) {
        if (!model.isOpen(context, name)) {
            return new ViewModel.Namespace(name, null, null);
        }
        try {
            return new ViewModel.Namespace(name, lists.services(context.name, name), null);
        } catch (Failure e) {
            return new ViewModel.Namespace(name, List.of(), e.forPeople());
        }
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
        timer.stop();
    }

    private boolean isDisposed() {
        return disposed;
    }
}
