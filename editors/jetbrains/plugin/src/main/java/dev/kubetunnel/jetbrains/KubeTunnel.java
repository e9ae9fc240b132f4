package dev.kubetunnel.jetbrains;

import com.intellij.openapi.Disposable;
import com.intellij.openapi.diagnostic.Logger;
import com.intellij.openapi.project.Project;
import com.intellij.openapi.util.Disposer;
import com.intellij.openapi.util.Key;
import com.intellij.util.EnvironmentUtil;
import dev.kubetunnel.core.Await;
import dev.kubetunnel.core.Connection;
import dev.kubetunnel.core.Events;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.core.Session;
import dev.kubetunnel.core.Settings;
import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.SessionOutputParams;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;

/**
 * A project's tunnel-server and the sessions on it. The server is started when it is first needed, and ends
 * with the project, which waits until the Services are back; an IDE that is killed takes it along.
 *
 * <p>It hangs on the project by a key: how a service of a project is asked for has changed over the platform's versions.
 */
final class KubeTunnel implements Disposable {
    private static final Logger LOG = Logger.getInstance(KubeTunnel.class);
    private static final Key<KubeTunnel> KEY = Key.create("dev.kubetunnel");
    /** Ended sessions that are still shown. */
    private static final int KEPT = 20;

    private final Project project;
    private final Preflights preflights = new Preflights(this);
    private final Map<String, SessionInfo> sessions = new LinkedHashMap<>();
    private final List<Events> listeners = new CopyOnWriteArrayList<>();
    /** Sessions that were told to end, until they have. */
    private final List<Session> ending = new CopyOnWriteArrayList<>();
    private Opened opened;
    private boolean disposed;

    /** A server, from the moment on that it is being started. */
    private final class Opened {
        private final CompletableFuture<Connection> connection = new CompletableFuture<>();
        private final Heard heard = new Heard();
        private final Future<?> task = Ide.inBackground(this::open);

        private void open() {
            try {
                Connection open = KubeTunnel.this.open(heard);
                if (connection.complete(open)) {
                    heard.running = true;
                } else {
                    open.close(); // nobody wants it any more
                }
            } catch (Failure | RuntimeException e) {
                connection.completeExceptionally(e);
            }
        }

        boolean isOver() {
            return connection.isCompletedExceptionally() || connection.isDone() && !connection.join().isAlive();
        }

        /** It is done when the server has ended. One that has not answered yet has no session, and ends by itself. */
        void close() {
            heard.running = false;
            if (connection.completeExceptionally(new Failure("tunnel-server was stopped before it had answered", null))) {
                task.cancel(true);
            } else {
                connection.thenAccept(Connection::close);
            }
        }
    }

    private KubeTunnel(Project project) {
        this.project = project;
    }

    static KubeTunnel of(Project project) {
        KubeTunnel there = project.getUserData(KEY);
        if (there != null) {
            return there;
        }
        synchronized (KEY) {
            there = project.getUserData(KEY);
            if (there == null) {
                there = new KubeTunnel(project);
                project.putUserData(KEY, there);
                Disposer.register(project, there);
            }
            return there;
        }
    }

    Project project() {
        return project;
    }

    Preflights preflights() {
        return preflights;
    }

    /** The server, which is started if it isn't there. It blocks: never call it on the UI's thread. */
    Connection connection(BooleanSupplier cancelled) throws Failure {
        return Await.of(opened().copy(), cancelled);
    }

    /** The same, for what nobody can cancel. */
    Connection connection() throws Failure {
        return connection(() -> false);
    }

    /** It is started in the background: whoever waits may give up, and whoever closes the project does not wait for it. */
    private synchronized CompletableFuture<Connection> opened() throws Failure {
        if (disposed) {
            throw new Failure("the project is closing", null);
        }
        if (opened == null || opened.isOver()) {
            opened = new Opened();
        }
        return opened.connection;
    }

    private Connection open(Events events) throws Failure {
        Options options = Options.load();
        Settings settings = new Settings(options.server, options.kubeconfig, EnvironmentUtil.getEnvironmentMap());
        String folder = project.getBasePath();
        return Connection.open(settings, Ide.name(), Ide.version(), folder == null ? List.of() : List.of(Path.of(folder)), events);
    }

    /** Ends a session. Another on the same Service begins only when it has ended. */
    void end(Session session) {
        ending.add(session);
        session.stop();
        session.over().whenComplete((info, error) -> ending.remove(session));
    }

    /** Waits until those sessions of this project have ended that were told to, and have the Service of a plan. */
    void awaitEnds(Plan plan, BooleanSupplier cancelled) throws Failure {
        for (Session session : ending) {
            if (session.target().service.equals(plan.service)) {
                Await.of(session.over().handle((info, error) -> info), cancelled);
            }
        }
    }

    /** The next question starts a server with the settings of then. Sessions of this one end. */
    void restart() {
        close();
    }

    /** The sessions of this project, the newest first. */
    List<SessionInfo> sessions() {
        synchronized (sessions) {
            List<SessionInfo> all = new ArrayList<>(sessions.values());
            java.util.Collections.reverse(all);
            return all;
        }
    }

    void listen(Events events, Disposable until) {
        listeners.add(events);
        Disposer.register(until, () -> listeners.remove(events));
    }

    @Override
    public void dispose() {
        synchronized (this) {
            disposed = true;
        }
        close();
    }

    /** A server that starts ends what a killed one has left. */
    private void startAgain() {
        try {
            connection();
        } catch (Failure e) {
            LOG.warn(e.getMessage());
        }
    }

    private void close() {
        Opened open;
        synchronized (this) {
            open = opened;
            opened = null;
        }
        if (open != null) {
            open.close();
        }
    }

    private final class Heard implements Events {
        /** The server is up, and nobody has told it to end. */
        private volatile boolean running;

        @Override
        public void changed(SessionInfo info) {
            synchronized (sessions) {
                sessions.put(info.id, info);
                while (sessions.size() > KEPT && sessions.values().removeIf(new FirstOver())) {
                    continue;
                }
            }
            listeners.forEach(listener -> listener.changed(info));
        }

        @Override
        public void output(SessionOutputParams output) {
            listeners.forEach(listener -> listener.output(output));
        }

        @Override
        public void log(String level, String message) {
            if (level.equals("error") || level.equals("warn")) {
                LOG.warn(message);
            } else {
                LOG.info(message);
            }
        }

        @Override
        public void gone(String how) {
            boolean left;
            synchronized (sessions) {
                left = sessions.values().removeIf(info -> !Words.isOver(info));
            }
            listeners.forEach(listener -> listener.gone(how));
            if (running) {
                Notices.serverGone(project, how, left);
            }
            if (running && left) {
                Ide.inBackground(KubeTunnel.this::startAgain);
            }
        }
    }

    /** The oldest session that is over. */
    private static final class FirstOver implements java.util.function.Predicate<SessionInfo> {
        private boolean found;

        @Override
        public boolean test(SessionInfo info) {
            boolean first = !found && Words.isOver(info);
            found |= first;
            return first;
        }
    }
}
