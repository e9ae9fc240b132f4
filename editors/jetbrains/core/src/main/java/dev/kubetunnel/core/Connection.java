package dev.kubetunnel.core;

import dev.kubetunnel.protocol.Client;
import dev.kubetunnel.protocol.Protocol;
import dev.kubetunnel.protocol.Protocol.*;
import dev.kubetunnel.protocol.Server;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.lsp4j.jsonrpc.Launcher;

/**
 * A conversation with a tunnel-server of its own.
 *
 * <p>Threads: one reads the server's messages, one its standard error, and both end with the process; close
 * ends that. A session lives no longer than its connection: a server whose editor is gone puts its Services back.
 */
public final class Connection implements AutoCloseable {
    /** What the server may take to put its Services back before it is killed. */
    private static final long END_SECONDS = 30;

    /** What the process may take to end once it has been told to. */
    private static final long EXIT_SECONDS = 5;

    private static final long INITIALIZE_SECONDS = 30;

    private final Process process;
    private final ExecutorService reading;
    private final Server server;
    private final List<Events> listeners = new CopyOnWriteArrayList<>();
    private final Map<String, Session> sessions = new ConcurrentHashMap<>();
    /** Who waits for an answer. */
    private final Set<CompletableFuture<?>> asked = ConcurrentHashMap.newKeySet();
    /** How the server has ended, null while it goes on. */
    private volatile Failure gone;
    private volatile InitializeResult initialized;
    private boolean closed;

    private Connection(Process process) {
        this.process = process;
        reading = Executors.newCachedThreadPool(task -> {
            Thread thread = new Thread(task, "KubeTunnel: tunnel-server " + process.pid());
            thread.setDaemon(true);
            return thread;
        });
        Launcher<Server> launcher = new Launcher.Builder<Server>()
                .setLocalService(new Told())
                .setRemoteInterface(Server.class)
                .setInput(process.getInputStream())
                .setOutput(process.getOutputStream())
                .setExecutorService(reading)
                .create();
        server = launcher.getRemoteProxy();
        launcher.startListening();
        reading.submit(this::readErrors);
        process.onExit().thenAccept(this::exited);
    }

    /** Starts a server and opens the conversation. Whatever goes wrong, no process is left. */
    public static Connection open(Settings settings, String editor, String version, List<Path> folders, Events events) throws Failure {
        Path program = settings.program();
        ProcessBuilder builder = new ProcessBuilder(program.toString(), "--stdio");
        builder.environment().clear();
        builder.environment().putAll(settings.environment());
        if (!folders.isEmpty()) {
            builder.directory(folders.get(0).toFile());
        }
        Connection connection;
        try {
            connection = new Connection(builder.start());
        } catch (IOException e) {
            throw new Failure(program + " can't be started: " + e.getMessage(), e);
        }
        connection.listen(events);
        InitializeParams params = new InitializeParams();
        params.protocolVersion = Protocol.VERSION;
        params.clientInfo = new ClientInfo();
        params.clientInfo.name = editor;
        params.clientInfo.version = version;
        params.processId = ProcessHandle.current().pid();
        params.workspaceFolders = folders.stream().map(Path::toString).toList();
        params.kubeconfig = settings.kubeconfig().isEmpty() ? null : settings.kubeconfig();
        params.capabilities = new ClientCapabilities();
        params.capabilities.workDoneProgress = true;
        try {
            connection.initialized = connection.answer(connection.server.initialize(params)).get(INITIALIZE_SECONDS, TimeUnit.SECONDS);
            connection.server.initialized(new Empty());
            return connection;
        } catch (Exception e) {
            if (e instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
            String ended = connection.endedBySelf();
            connection.kill();
            if (ended != null) {
                throw new Failure(program + " " + ended + " before it had answered: is it a tunnel-server?", e);
            }
            if (e instanceof TimeoutException) {
                throw new Failure(program + " has not answered within " + INITIALIZE_SECONDS + " s: is it a tunnel-server?", e);
            }
            throw Failure.of(e);
        }
    }

    /** How the process has ended, null when it goes on. Its streams end a moment before it does. */
    private String endedBySelf() {
        try {
            return process.waitFor(1, TimeUnit.SECONDS) ? "ended with code " + process.exitValue() : null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }

    /** The far side. A future that it gives is completed by nobody when the server ends: see answer. */
    public Server server() {
        return server;
    }

    /** What the server can do on this machine. */
    public ServerCapabilities capabilities() {
        return initialized.capabilities;
    }

    /** The server's process. */
    public ProcessHandle process() {
        return process.toHandle();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    public void listen(Events events) {
        listeners.add(events);
    }

    public void forget(Events events) {
        listeners.remove(events);
    }

    /** The same answer, which fails also when the server ends; cancelling it cancels the request. */
    public <T> CompletableFuture<T> answer(CompletableFuture<T> request) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        asked.add(answer);
        request.whenComplete((result, error) -> {
            if (error == null) {
                answer.complete(result);
            } else {
                answer.completeExceptionally(Failure.of(error));
            }
        });
        answer.whenComplete((result, error) -> {
            asked.remove(answer);
            if (answer.isCancelled()) {
                request.cancel(true);
            }
        });
        if (gone != null) {
            answer.completeExceptionally(gone);
        }
        return answer;
    }

    /** Starts a session. What its state comes to is told by the session. */
    public Session start(StartSessionParams params) {
        Session session = new Session(this, params);
        sessions.put(params.id, session);
        session.begin(answer(server.startSession(params)));
        if (gone != null) {
            session.serverGone(gone);
        }
        return session;
    }

    /** Ends all sessions and then the server. It may be called twice, and is done when the process has gone. */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        try {
            answer(server.shutdown(new Empty())).get(END_SECONDS, TimeUnit.SECONDS);
            server.exit(new Empty());
            process.waitFor(EXIT_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (Exception e) {
            tell(events -> events.log("warn", "tunnel-server did not end in order: " + Failure.of(e).getMessage()));
        }
        kill();
    }

    private void kill() {
        process.destroyForcibly();
        boolean interrupted = false;
        while (process.isAlive()) {
            try {
                process.waitFor();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        reading.shutdown();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void exited(Process process) {
        String how = "ended with code " + process.exitValue();
        Failure failure = new Failure("tunnel-server " + how, null);
        gone = failure; // before those are told who wait: who asks from now on sees it
        asked.forEach(answer -> answer.completeExceptionally(failure));
        sessions.values().forEach(session -> session.serverGone(failure));
        sessions.clear();
        tell(events -> events.gone(how));
    }

    private void readErrors() {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String text = line;
                tell(events -> events.log("info", text));
            }
        } catch (IOException e) {
            // The process has gone: exited tells it.
        }
    }

    private void tell(java.util.function.Consumer<Events> call) {
        listeners.forEach(call);
    }

    /** What the server tells. */
    private final class Told implements Client {
        @Override
        public void sessionDidChange(SessionInfo info) {
            Session session = sessions.get(info.id);
            if (session != null) {
                session.changed(info);
                if (session.isOver()) {
                    sessions.remove(info.id, session);
                }
            }
            tell(events -> events.changed(info));
        }

        @Override
        public void sessionOutput(SessionOutputParams output) {
            tell(events -> events.output(output));
        }

        @Override
        public void progress(ProgressParams progress) {
            tell(events -> events.progress(progress));
        }

        @Override
        public void logMessage(LogMessageParams message) {
            tell(events -> events.log(message.level, message.message));
        }
    }
}
