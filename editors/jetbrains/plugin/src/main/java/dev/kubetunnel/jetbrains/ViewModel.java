package dev.kubetunnel.jetbrains;

import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.KubeContext;
import dev.kubetunnel.protocol.Protocol.Service;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.StageTime;
import java.awt.Component;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import javax.swing.JTree;
import javax.swing.tree.DefaultMutableTreeNode;
import javax.swing.tree.DefaultTreeCellRenderer;
import javax.swing.tree.DefaultTreeModel;
import javax.swing.tree.TreePath;

/** What the tool window's tree shows. Its methods are called on the UI's thread. */
final class ViewModel {
    /** A context with its namespaces, null when they were not asked for, and what keeps some from being seen. */
    record Cluster(KubeContext context, List<Namespace> namespaces, String problem) {}

    /** A namespace with its Services, null when they were not asked for, or what keeps them from being seen. */
    record Namespace(String name, List<Service> services, String problem) {}

    /** What lines stand for. */
    record Place(KubeContext context, String namespace) {}

    record Listed(KubeContext context, Service service) {}

    /** A line of the tree: text, what there is to say of it in grey, and what it stands for. */
    record Line(String text, String note, Object of) {
        @Override
        public String toString() {
            return note.isEmpty() ? text : text + " " + note;
        }

        /** All of it, which may be more than there is room for. */
        String tip() {
            if (of instanceof Listed listed) {
                return Html.lines(Words.details(listed.service()));
            }
            if (of instanceof Place place && place.namespace().isEmpty()) {
                return Html.lines(List.of(place.context().user + " at " + place.context().cluster));
            }
            return Html.lines(List.of(toString()));
        }
    }

    private final DefaultMutableTreeNode root = new DefaultMutableTreeNode();
    private final DefaultMutableTreeNode sessions = node("Sessions", "", null);
    private final DefaultMutableTreeNode clusters = node("Cluster", "", null);
    private final DefaultTreeModel tree = new DefaultTreeModel(root);
    /** What the user has opened and closed, by place. */
    private final Map<String, Boolean> open = new ConcurrentHashMap<>();
    private String shownSessions = "";
    private String shownClusters = "";

    ViewModel() {
        root.add(sessions);
        root.add(clusters);
        tree.reload();
    }

    DefaultTreeModel tree() {
        return tree;
    }

    void setSessions(List<SessionInfo> all) {
        List<DefaultMutableTreeNode> nodes = new ArrayList<>();
        for (SessionInfo info : all) {
            DefaultMutableTreeNode session = node(Words.target(info.target), info.state, info);
            if (info.reason != null && !info.reason.isEmpty()) {
                session.add(node(info.reason, "", info));
            }
            if (info.stages != null) {
                for (StageTime stage : info.stages) {
                    session.add(node(Words.stage(stage.stage), Words.took(stage), info));
                }
            }
            if (info.receipt != null) {
                Words.receipt(info.receipt).forEach(line -> session.add(node(line, "", info)));
            }
            nodes.add(session);
        }
        if (nodes.isEmpty()) {
            nodes.add(node("none in this project", "", null));
        }
        shownSessions = replace(sessions, nodes, shownSessions);
    }

    void setClusters(List<Cluster> all, String problem) {
        List<DefaultMutableTreeNode> nodes = new ArrayList<>();
        for (Cluster cluster : all) {
            KubeContext context = cluster.context();
            DefaultMutableTreeNode node = node(context.name, context.current ? "current" : "", new Place(context, ""));
            if (cluster.namespaces() == null) {
                node.add(node("…", "", null)); // so that it can be opened
            } else {
                cluster.namespaces().forEach(namespace -> node.add(namespace(context, namespace)));
            }
            if (cluster.problem() != null) {
                node.add(node(cluster.problem(), "", null));
            }
            nodes.add(node);
        }
        if (problem != null) {
            nodes.add(node(problem, "", null));
        }
        shownClusters = replace(clusters, nodes, shownClusters);
    }

    private static DefaultMutableTreeNode namespace(KubeContext context, Namespace namespace) {
        DefaultMutableTreeNode node = node(namespace.name(), "", new Place(context, namespace.name()));
        if (namespace.services() == null) {
            node.add(node("…", "", null));
        } else if (namespace.services().isEmpty() && namespace.problem() == null) {
            node.add(node("no Services", "", null));
        } else {
            namespace.services().forEach(service -> node.add(node(service.name, Words.service(service), new Listed(context, service))));
        }
        if (namespace.problem() != null) {
            node.add(node(namespace.problem(), "", null));
        }
        return node;
    }

    /** Whether somebody looks below a context: the current one is open until it is closed. */
    boolean isOpen(KubeContext context) {
        return isOpen(new Place(context, ""), context.current);
    }

    /** The same for a namespace: a context's own is open until it is closed. */
    boolean isOpen(KubeContext context, String namespace) {
        return isOpen(new Place(context, namespace), context.current && namespace.equals(context.namespace));
    }

    private boolean isOpen(Place place, boolean fresh) {
        return open.getOrDefault(key(place), fresh);
    }

    /** The user has opened a line: true when there is something to be asked for. */
    boolean opened(TreePath path) {
        return chosen(path) instanceof Place place && !Boolean.TRUE.equals(open.put(key(place), true));
    }

    void closed(TreePath path) {
        if (chosen(path) instanceof Place place) {
            open.put(key(place), false);
        }
    }

    private static String key(Place place) {
        return place.context().name + "\n" + place.namespace();
    }

    /** What a line stands for, null for nothing. */
    Object chosen(TreePath path) {
        return path != null && path.getLastPathComponent() instanceof DefaultMutableTreeNode node && node.getUserObject() instanceof Line line
                ? line.of()
                : null;
    }

    TreePath sessionsPath() {
        return new TreePath(sessions.getPath());
    }

    TreePath clustersPath() {
        return new TreePath(clusters.getPath());
    }

    /** The sessions that go on. */
    List<TreePath> openSessions() {
        return below(sessions, line -> line.of() instanceof SessionInfo info && !Words.isOver(info));
    }

    /** The contexts and namespaces that are open, the outer ones first. */
    List<TreePath> openClusters() {
        List<TreePath> paths = new ArrayList<>(below(clusters, this::isOpen));
        for (TreePath context : List.copyOf(paths)) {
            paths.addAll(below((DefaultMutableTreeNode) context.getLastPathComponent(), this::isOpen));
        }
        return paths;
    }

    private boolean isOpen(Line line) {
        return line.of() instanceof Place place
                && (place.namespace().isEmpty() ? isOpen(place.context()) : isOpen(place.context(), place.namespace()));
    }

    private static List<TreePath> below(DefaultMutableTreeNode parent, java.util.function.Predicate<Line> which) {
        List<TreePath> paths = new ArrayList<>();
        for (int i = 0; i < parent.getChildCount(); i++) {
            DefaultMutableTreeNode child = (DefaultMutableTreeNode) parent.getChildAt(i);
            if (child.getUserObject() instanceof Line line && which.test(line)) {
                paths.add(new TreePath(child.getPath()));
            }
        }
        return paths;
    }

    /** Puts other lines below one, unless they say the same: a tree that is drawn anew loses its selection. */
    private String replace(DefaultMutableTreeNode parent, List<DefaultMutableTreeNode> children, String shown) {
        StringBuilder text = new StringBuilder();
        children.forEach(child -> spell(child, text));
        if (text.toString().equals(shown)) {
            return shown;
        }
        parent.removeAllChildren();
        children.forEach(parent::add);
        tree.nodeStructureChanged(parent);
        return text.toString();
    }

    private static void spell(DefaultMutableTreeNode node, StringBuilder text) {
        text.append(node.getUserObject()).append('\n');
        for (int i = 0; i < node.getChildCount(); i++) {
            spell((DefaultMutableTreeNode) node.getChildAt(i), text.append('\t'));
        }
    }

    private static DefaultMutableTreeNode node(String text, String note, Object of) {
        return new DefaultMutableTreeNode(new Line(text, note == null ? "" : note, of));
    }

    /** Text, and the note in grey. */
    static final class Renderer extends DefaultTreeCellRenderer {
        private static final long serialVersionUID = 1L;

        Renderer() {
            setLeafIcon(null);
            setOpenIcon(null);
            setClosedIcon(null);
        }

        @Override
        public Component getTreeCellRendererComponent(JTree tree, Object value, boolean selected, boolean expanded, boolean leaf, int row, boolean focus) {
            super.getTreeCellRendererComponent(tree, value, selected, expanded, leaf, row, focus);
            if (value instanceof DefaultMutableTreeNode node && node.getUserObject() instanceof Line line && !line.note().isEmpty() && !selected) {
                setText(Html.noted(line.text(), line.note()));
            }
            setToolTipText(value instanceof DefaultMutableTreeNode node && node.getUserObject() instanceof Line line ? line.tip() : null);
            return this;
        }
    }
}
