package dev.kubetunnel.jetbrains;

import com.intellij.execution.ExecutionListener;
import com.intellij.execution.ExecutionManager;
import com.intellij.execution.process.BaseProcessHandler;
import com.intellij.execution.process.ProcessEvent;
import com.intellij.execution.process.ProcessHandler;
import com.intellij.execution.process.ProcessListener;
import com.intellij.execution.runners.ExecutionEnvironment;
import com.intellij.execution.runners.ProgramRunner;
import com.intellij.execution.ui.RunContentDescriptor;
import com.intellij.openapi.Disposable;
import com.intellij.openapi.project.Project;
import com.intellij.openapi.util.Disposer;
import com.intellij.openapi.util.Key;
import com.intellij.util.messages.MessageBusConnection;
import dev.kubetunnel.core.Await;
import dev.kubetunnel.core.Connection;
import dev.kubetunnel.core.Events;
import dev.kubetunnel.core.Failure;
import dev.kubetunnel.core.Plan;
import dev.kubetunnel.core.Starting.Started;
import dev.kubetunnel.core.Story;
import dev.kubetunnel.core.Words;
import dev.kubetunnel.protocol.Protocol.JoinSessionParams;
import dev.kubetunnel.protocol.Protocol.SessionInfo;
import dev.kubetunnel.protocol.Protocol.SessionOutputParams;

/**
 * The other configuration while it runs: its process joins the session, its console hears of the session,
 * and its end is the session's.
 */
final class Delegate implements ProgramRunner.Callback, ProcessListener, Disposable {
    private final Project project;
    private final KubeTunnel kubetunnel;
    private final Plan plan;
    private final Started started;
    /** The program, or whoever wanted it, has ended the session. */
    private volatile boolean ended;

    Delegate(Project project, KubeTunnel kubetunnel, Plan plan, Started started) {
        this.project = project;
        this.kubetunnel = kubetunnel;
        this.plan = plan;
        this.started = started;
        Disposer.register(kubetunnel, this);
    }

    /** A configuration that the platform does not start after all takes the session along: its build fails, say. */
    void watchStart(ExecutionEnvironment environment) {
        MessageBusConnection bus = project.getMessageBus().connect(this);
        bus.subscribe(ExecutionManager.EXECUTION_TOPIC, new ExecutionListener() {
            @Override
            public void processNotStarted(String executorId, ExecutionEnvironment other) {
                if (other == environment) {
                    end();
                }
            }
        });
    }

    @Override
    public void processStarted(RunContentDescriptor descriptor) {
        ProcessHandler handler = descriptor == null ? null : descriptor.getProcessHandler();
        if (handler == null) {
            end();
            return;
        }
        handler.addProcessListener(this);
        if (handler.isProcessTerminated()) {
            end();
            return;
        }
        if (plan.way == Plan.Way.ENVIRONMENT) { // the session's program has a console of its own, which is told
            Console console = new Console(handler);
            kubetunnel.listen(console, this);
            console.changed(started.session().info());
        }
        tellLimits(handler);
        started.session().over().whenComplete((info, error) -> sessionOver(handler, info, error));
        if (plan.way == Plan.Way.ENVIRONMENT) {
            Ide.inBackground(() -> join(handler));
        }
    }

    /** What is not as in the pod: nobody should have to find that out. */
    private void tellLimits(ProcessHandler handler) {
        SessionInfo info = started.session().info();
        if (info != null && info.warnings != null) {
            info.warnings.forEach(warning -> Launch.tell(handler, warning));
        }
        if (info != null && info.sandbox != null && info.sandbox.limits != null) {
            info.sandbox.limits.forEach(limit -> Launch.tell(handler, limit));
        }
        if (!started.removed().isEmpty()) {
            Launch.tell(handler, "the program should not have these variables, and the IDE can't take them out: " + String.join(", ", started.removed()));
        }
    }

    private void join(ProcessHandler handler) {
        try {
            JoinSessionParams params = new JoinSessionParams();
            params.id = started.session().id();
            params.processId = processId(handler);
            Connection connection = kubetunnel.connection();
            Await.of(connection.answer(connection.server().joinSession(params)), handler::isProcessTerminated);
        } catch (Failure e) {
            if (!handler.isProcessTerminated()) {
                Notices.failure(project, plan, e);
                end();
            }
        }
    }

    private static long processId(ProcessHandler handler) throws Failure {
        if (handler instanceof BaseProcessHandler<?> process) {
            try {
                return process.getProcess().pid();
            } catch (UnsupportedOperationException e) {
                throw new Failure("the IDE does not tell which process it has started, so calls can't be passed to it", e);
            }
        }
        throw new Failure("the IDE has started no process on this machine, so calls can't be passed to it: choose a configuration that runs the program here", null);
    }

    /** The session has ended first: an intercept was deleted, a lease is over, the server has gone. The program is left alone. */
    private void sessionOver(ProcessHandler handler, SessionInfo info, Throwable error) {
        if (error != null) {
            Launch.tell(handler, Failure.of(error).forPeople());
        }
        if (info != null && info.receipt != null) {
            Words.receipt(info.receipt).forEach(line -> Launch.tell(handler, line));
        }
        if (!ended) {
            Launch.tell(handler, "this program is not the pod any more: stop it, and start it again to go on");
        }
        if (info != null && info.error != null) {
            Notices.sessionFailed(project, info);
        }
        Ide.onUi(() -> Disposer.dispose(this));
    }

    private void end() {
        ended = true;
        kubetunnel.end(started.session());
        Ide.onUi(() -> Disposer.dispose(this));
    }

    @Override
    public void processTerminated(ProcessEvent event) {
        end();
    }

    @Override
    public void processWillTerminate(ProcessEvent event, boolean willBeDestroyed) {}

    @Override
    public void startNotified(ProcessEvent event) {}

    @Override
    public void onTextAvailable(ProcessEvent event, Key outputType) {}

    @Override
    public void dispose() {}

    /** Tells the session's stages and states, and what it says, in the program's console. */
    private final class Console implements Events {
        private final ProcessHandler handler;
        private final Story story = new Story();

        Console(ProcessHandler handler) {
            this.handler = handler;
        }

        @Override
        public void changed(SessionInfo info) {
            if (info.id.equals(started.session().id())) {
                story.news(info).forEach(line -> Launch.tell(handler, line));
            }
        }

        @Override
        public void output(SessionOutputParams output) {
            if (output.id.equals(started.session().id())) {
                Launch.tell(handler, output.output.strip());
            }
        }
    }
}
