package dev.kubetunnel.jetbrains;

import com.intellij.openapi.Disposable;
import com.intellij.openapi.diagnostic.Logger;
import com.intellij.openapi.project.Project;
import com.intellij.openapi.util.Disposer;
import com.intellij.openapi.util.Key;
import com.intellij.openapi.util.UserDataHolderEx;
import com.intellij.util.EnvironmentUtil;
import dev.kubetunnel.core.Connection;
import dev.kubetunnel.core.Events;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Settings;
import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.SessionOutputParams;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

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
    private Connection connection;
    private boolean disposed;

    private KubeTunnel(Project project) {
        this.project = project;
    }

    static KubeTunnel of(Project project) {
        KubeTunnel there = project.getUserData(KEY);
        if (there != null) {
            return there;
        }
        KubeTunnel fresh = new KubeTunnel(project);
        KubeTunnel first = ((UserDataHolderEx) project).putUserDataIfAbsent(KEY, fresh);
        if (first == fresh) {
            Disposer.register(project, fresh);
        }
        return first;
    }

    Project project() {
        return project;
    }

    Preflights preflights() {
        return preflights;
    }

    /** The server, which is started if it isn't there. It blocks: never call it on the UI's thread. */
    synchronized Connection connection() throws Failure {
        if (disposed) {
            throw new Failure("the project is closing", null);
        }
        if (connection == null || !connection.isAlive()) {
            Options options = Options.load();
            Settings settings = new Settings(options.server, options.kubeconfig, EnvironmentUtil.getEnvironmentMap());
            String folder = project.getBasePath();
            connection = Connection.open(settings, Ide.name(), Ide.version(), folder == null ? List.of() : List.of(Path.of(folder)), new Heard());
        }
        return connection;
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
        Connection open;
        synchronized (this) {
            open = connection;
            connection = null;
        }
        if (open != null) {
            open.close();
        }
    }

    private final class Heard implements Events {
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
            boolean expected;
            synchronized (KubeTunnel.this) {
                expected = connection == null || disposed;
            }
            boolean left;
            synchronized (sessions) {
                left = sessions.values().removeIf(info -> !Words.isOver(info));
            }
            listeners.forEach(listener -> listener.gone(how));
            if (!expected) {
                Notices.serverGone(project, how);
            }
            if (!expected && left) {
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
