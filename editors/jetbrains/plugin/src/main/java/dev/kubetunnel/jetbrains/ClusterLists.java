package dev.kubetunnel.jetbrains;

import dev.kubetunnel.core.Await;
import dev.kubetunnel.core.Connection;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.protocol.Protocol.KubeContext;
import dev.kubetunnel.protocol.Protocol.ListContextsParams;
import dev.kubetunnel.protocol.Protocol.ListNamespacesParams;
import dev.kubetunnel.protocol.Protocol.ListServicesParams;
import dev.kubetunnel.protocol.Protocol.Service;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;

/** What the cluster has, asked of the server. Every method blocks until it is cancelled: never call one on the UI's thread. */
final class ClusterLists {
    private final KubeTunnel kubetunnel;
    private final BooleanSupplier cancelled;

    ClusterLists(KubeTunnel kubetunnel, BooleanSupplier cancelled) {
        this.kubetunnel = kubetunnel;
        this.cancelled = cancelled;
    }

    List<KubeContext> contexts() throws Failure {
        Connection connection = kubetunnel.connection(cancelled);
        return get(connection, connection.server().listContexts(new ListContextsParams())).contexts;
    }

    List<String> namespaces(String context) throws Failure {
        ListNamespacesParams params = new ListNamespacesParams();
        params.context = context.isEmpty() ? null : context;
        Connection connection = kubetunnel.connection(cancelled);
        return get(connection, connection.server().listNamespaces(params)).namespaces;
    }

    List<Service> services(String context, String namespace) throws Failure {
        ListServicesParams params = new ListServicesParams();
        params.context = context.isEmpty() ? null : context;
        params.namespace = namespace.isEmpty() ? null : namespace;
        Connection connection = kubetunnel.connection(cancelled);
        return get(connection, connection.server().listServices(params)).services;
    }

    private <T> T get(Connection connection, CompletableFuture<T> asked) throws Failure {
        return Await.of(connection.answer(asked), cancelled);
    }
}
