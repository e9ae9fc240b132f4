package dev.kubetunnel.jetbrains;

import com.intellij.execution.filters.TextConsoleBuilderFactory;
import com.intellij.execution.process.ProcessHandler;
import com.intellij.execution.process.ProcessOutputTypes;
import com.intellij.execution.ui.ConsoleView;
import com.intellij.execution.ui.RunContentDescriptor;
import com.intellij.openapi.Disposable;
import com.intellij.openapi.util.Disposer;
import com.intellij.openapi.util.Key;
import dev.kubetunnel.core.Events;
import dev.kubetunnel.core.Session;
import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.SessionOutputParams;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;

/** The program that a session runs in its sandbox, as the IDE sees processes: a console, a stop button, an exit code. */
final class SessionProcess extends ProcessHandler implements Disposable {
    private record Text(String text, Key<?> type) {}

    private final KubeTunnel kubetunnel;
    private final String id;
    /** What was written before there was a console; null from then on. */
    private List<Text> early = new ArrayList<>();
    private volatile Session session;
    private String lastState = "";

    SessionProcess(KubeTunnel kubetunnel, String id) {
        this.kubetunnel = kubetunnel;
        this.id = id;
        Disposer.register(kubetunnel, this);
        kubetunnel.listen(new Events() {
            @Override
            public void output(SessionOutputParams output) {
                if (output.id.equals(id)) {
                    write(output.output, type(output.category));
                }
            }

            @Override
            public void changed(SessionInfo info) {
                if (info.id.equals(id) && !Words.state(info).equals(lastState)) {
                    lastState = Words.state(info);
                    write("KubeTunnel: " + lastState + "\n", ProcessOutputTypes.SYSTEM);
                }
            }
        }, this);
    }

    String id() {
        return id;
    }

    /** From now on the session's end is the process's, and the other way round. */
    void follow(Session session) {
        this.session = session;
        session.over().whenComplete((info, error) -> {
            if (info != null && info.receipt != null) {
                Words.receipt(info.receipt).forEach(line -> write("KubeTunnel: " + line + "\n", ProcessOutputTypes.SYSTEM));
            }
            if (info != null && info.error != null) {
                Notices.sessionFailed(kubetunnel.project(), info);
            }
            notifyProcessTerminated(info == null || info.exitCode == null ? 0 : info.exitCode.intValue());
            over();
        });
    }

    /** A console with all that was written so far. On the UI's thread. */
    RunContentDescriptor show(String title) {
        ConsoleView console = TextConsoleBuilderFactory.getInstance().createBuilder(kubetunnel.project()).getConsole();
        console.attachToProcess(this);
        RunContentDescriptor descriptor = new RunContentDescriptor(console, this, console.getComponent(), title);
        startNotify();
        List<Text> before;
        synchronized (this) {
            before = early;
            early = null;
        }
        before.forEach(text -> notifyTextAvailable(text.text(), text.type()));
        return descriptor;
    }

    /** Nobody listens any more. */
    void over() {
        Ide.onUi(() -> Disposer.dispose(this));
    }

    private void write(String text, Key<?> type) {
        synchronized (this) {
            if (early != null) {
                early.add(new Text(text, type));
                return;
            }
        }
        notifyTextAvailable(text, type);
    }

    private static Key<?> type(String category) {
        return switch (category) {
            case "stdout" -> ProcessOutputTypes.STDOUT;
            case "stderr" -> ProcessOutputTypes.STDERR;
            default -> ProcessOutputTypes.SYSTEM;
        };
    }

    @Override
    protected void destroyProcessImpl() {
        Session now = session;
        if (now != null) {
            now.stop();
        }
    }

    /** A session does not go on without its IDE. */
    @Override
    protected void detachProcessImpl() {
        destroyProcessImpl();
    }

    @Override
    public boolean detachIsDefault() {
        return false;
    }

    @Override
    public OutputStream getProcessInput() {
        return null;
    }

    @Override
    public void dispose() {}
}
