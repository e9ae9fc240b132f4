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
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Session;
import dev.kubetunnel.core.Story;
import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.SessionOutputParams;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;

/** The program that a session runs in its sandbox, as the IDE sees processes: a console, a stop button, an exit code. */
final class SessionProcess extends ProcessHandler implements Disposable {
    /** The exit code of a program that has not ended by itself, nor by Stop. */
    private static final int LOST = -1;

    private record Text(String text, Key<?> type) {}

    private final KubeTunnel kubetunnel;
    private final String id;
    /** What was written before there was a console; null from then on. */
    private List<Text> early = new ArrayList<>();
    private volatile Session session;
    private volatile boolean stopped;
    /** The program has written something itself. */
    private volatile boolean written;
    /** The program's, null while there is none. */
    private volatile Long exitCode;
    private final Story story = new Story();

    SessionProcess(KubeTunnel kubetunnel, String id) {
        this.kubetunnel = kubetunnel;
        this.id = id;
        Disposer.register(kubetunnel, this);
        kubetunnel.listen(new Events() {
            @Override
            public void output(SessionOutputParams output) {
                if (output.id.equals(id)) {
                    Key<?> type = type(output.category);
                    written |= type != ProcessOutputTypes.SYSTEM;
                    write(output.output, type);
                }
            }

            @Override
            public void changed(SessionInfo info) {
                if (info.id.equals(id)) {
                    exitCode = info.exitCode;
                    story.news(info).forEach(SessionProcess.this::tell);
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
            if (error != null) {
                tell(Failure.of(error).forPeople());
                tell("the program has ended with it: start it again");
                notifyProcessTerminated(LOST);
            } else {
                ended(info);
            }
            over();
        });
    }

    private void ended(SessionInfo info) {
        if (info.receipt != null) {
            Words.receipt(info.receipt).forEach(this::tell);
        }
        if (info.exitCode != null) {
            tell("the program has ended with code " + info.exitCode);
        }
        if (info.error != null) {
            Notices.sessionFailed(kubetunnel.project(), info);
        }
        notifyProcessTerminated(info.exitCode != null ? info.exitCode.intValue() : stopped ? 0 : LOST);
    }

    private void tell(String line) {
        write("KubeTunnel: " + line + "\n", ProcessOutputTypes.SYSTEM);
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

    /**
     * The session has not begun. What the program has written before tells why, as often as not: it is shown, as of a process
     * that has ended; null when there is nothing of it, or nobody waits any more. On the UI's thread.
     */
    RunContentDescriptor failed(String title, Failure failure) {
        over();
        if (!written || failure.isCancelled()) {
            return null;
        }
        tell(failure.forPeople());
        RunContentDescriptor console = show(title);
        notifyProcessTerminated(exitCode == null ? LOST : exitCode.intValue());
        return console;
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
        stopped = true;
        Session now = session;
        if (now != null) {
            kubetunnel.end(now);
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
