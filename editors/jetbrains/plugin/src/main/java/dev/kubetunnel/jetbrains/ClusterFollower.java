package dev.kubetunnel.jetbrains;

import dev.kubetunnel.core.Connection;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Follower;
import dev.kubetunnel.protocol.Protocol.KubeContext;
import dev.kubetunnel.protocol.Protocol.ListContextsParams;
import dev.kubetunnel.protocol.Protocol.ListContextsResult;
import dev.kubetunnel.protocol.Protocol.ListNamespacesParams;
import dev.kubetunnel.protocol.Protocol.ListNamespacesResult;
import dev.kubetunnel.protocol.Protocol.ListServicesParams;
import dev.kubetunnel.protocol.Protocol.ListServicesResult;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * Contexts, the namespaces of those that are open, and the Services of those namespaces that are, each as it is
 * now for as long as somebody looks. Everything here is on the UI's thread but the questions.
 */
final class ClusterFollower {
    /** Where a list is: that of the contexts, a context's namespaces, or a namespace's Services. */
    private record At(String context, String namespace) {
        private static final At TOP = new At(null, null);
    }

    /** What a list has, or why it can't be had; neither before the first answer. */
    private static final class Branch<A> {
        private Follower<A> follower;
        private A answer;
        private String problem;
    }

    private final KubeTunnel kubetunnel;
    private final ViewModel model;
    private final Runnable changed;
    private final Map<At, Branch<?>> branches = new HashMap<>();
    private volatile boolean looking;

    /** Changed is called whenever there is something else to show. */
    ClusterFollower(KubeTunnel kubetunnel, ViewModel model, Runnable changed) {
        this.kubetunnel = kubetunnel;
        this.model = model;
        this.changed = changed;
    }

    /** Follows what is open, or doesn't any more; what was seen stays. */
    void look(boolean on) {
        looking = on;
        if (on) {
            update();
        }
        branches.values().forEach(branch -> branch.follower.look(on));
    }

    /** Asks for everything once more. */
    void refresh() {
        branches.values().forEach(branch -> branch.follower.again());
    }

    /** Follows what is open by now, and nothing else. */
    void update() {
        Set<At> open = new HashSet<>(Set.of(At.TOP));
        for (KubeContext context : contexts()) {
            if (!model.isOpen(context)) {
                continue;
            }
            open.add(new At(context.name, null));
            namespacesOf(context).stream().filter(name -> model.isOpen(context, name)).forEach(name -> open.add(new At(context.name, name)));
        }
        branches.entrySet().removeIf(entry -> {
            boolean gone = !open.contains(entry.getKey());
            if (gone) {
                entry.getValue().follower.look(false);
            }
            return gone;
        });
        open.forEach(this::follow);
    }

    private void follow(At at) {
        if (branches.containsKey(at)) {
            return;
        }
        if (at.context() == null) {
            follow(at, unless -> {
                ListContextsParams params = new ListContextsParams();
                params.unless = unless;
                Connection connection = connection();
                return connection.answer(connection.server().listContexts(params));
            }, (ListContextsResult answer) -> answer.revision);
        } else if (at.namespace() == null) {
            follow(at, unless -> {
                ListNamespacesParams params = new ListNamespacesParams();
                params.context = at.context();
                params.unless = unless;
                Connection connection = connection();
                return connection.answer(connection.server().listNamespaces(params));
            }, (ListNamespacesResult answer) -> answer.revision);
        } else {
            follow(at, unless -> {
                ListServicesParams params = new ListServicesParams();
                params.context = at.context();
                params.namespace = at.namespace();
                params.unless = unless;
                Connection connection = connection();
                return connection.answer(connection.server().listServices(params));
            }, (ListServicesResult answer) -> answer.revision);
        }
    }

    private <A> void follow(At at, Follower.Ask<A> ask, Function<A, String> revision) {
        Branch<A> branch = new Branch<>();
        branch.follower = new Follower<>(ask, revision,
                answer -> Ide.onUi(() -> take(at, branch, answer, null)),
                failure -> Ide.onUi(() -> take(at, branch, null, failure.forPeople())), Ide::inBackground);
        branches.put(at, branch);
        branch.follower.look(looking);
    }

    private Connection connection() throws Failure {
        return kubetunnel.connection(() -> !looking);
    }

    private <A> void take(At at, Branch<A> branch, A answer, String problem) {
        if (branches.get(at) != branch) {
            return;
        }
        if (answer != null) {
            branch.answer = answer; // else what was seen last stays, beside the problem
        }
        branch.problem = problem;
        update();
        changed.run();
    }

    private <A> A answer(At at, Class<A> type) {
        Branch<?> branch = branches.get(at);
        return branch == null ? null : type.cast(branch.answer);
    }

    private String problem(At at) {
        Branch<?> branch = branches.get(at);
        return branch == null ? null : branch.problem;
    }

    private List<KubeContext> contexts() {
        ListContextsResult answer = answer(At.TOP, ListContextsResult.class);
        return answer == null ? List.of() : answer.contexts;
    }

    /** Its own first. Who may not list namespaces has that one all the same. */
    private List<String> namespacesOf(KubeContext context) {
        At at = new At(context.name, null);
        ListNamespacesResult answer = answer(at, ListNamespacesResult.class);
        if (answer == null) {
            return problem(at) == null ? List.of() : List.of(context.namespace);
        }
        return answer.namespaces.stream().sorted(Comparator.comparing((String name) -> !name.equals(context.namespace))).toList();
    }

    /** What keeps the contexts from being seen, null for nothing. */
    String problem() {
        return problem(At.TOP);
    }

    /** All that is known. */
    List<ViewModel.Cluster> clusters() {
        List<ViewModel.Cluster> clusters = new ArrayList<>();
        for (KubeContext context : contexts()) {
            At at = new At(context.name, null);
            List<String> names = namespacesOf(context);
            List<ViewModel.Namespace> namespaces = names.isEmpty() && answer(at, ListNamespacesResult.class) == null
                    ? null : names.stream().map(name -> namespace(new At(context.name, name))).toList();
            clusters.add(new ViewModel.Cluster(context, namespaces, problem(at)));
        }
        return clusters;
    }

    private ViewModel.Namespace namespace(At at) {
        ListServicesResult answer = answer(at, ListServicesResult.class);
        return new ViewModel.Namespace(at.namespace(), answer == null ? problem(at) == null ? null : List.of() : answer.services, problem(at));
    }
}
