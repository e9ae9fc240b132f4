import com.google.gson.Gson;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.eclipse.lsp4j.debug.*;
import org.eclipse.lsp4j.debug.launch.DSPLauncher;
import org.eclipse.lsp4j.debug.services.IDebugProtocolClient;
import org.eclipse.lsp4j.debug.services.IDebugProtocolServer;

/** Eclipse's client of the Debug Adapter Protocol debugs cart in the cluster. */
public final class Eclipse implements IDebugProtocolClient {
    private static final long PATIENCE = 90; // seconds; the program is built first

    private final CompletableFuture<Void> initialized = new CompletableFuture<>();
    private final CompletableFuture<Void> terminated = new CompletableFuture<>();
    private final LinkedBlockingQueue<StoppedEventArguments> stops = new LinkedBlockingQueue<>();

    @Override public void initialized() { initialized.complete(null); }
    @Override public void terminated(TerminatedEventArguments arguments) { terminated.complete(null); }
    @Override public void stopped(StoppedEventArguments arguments) { stops.add(arguments); }
    @Override public void output(OutputEventArguments arguments) { System.err.print(arguments.getOutput()); }

    private static <T> T of(CompletableFuture<T> answer) throws Exception { return answer.get(PATIENCE, TimeUnit.SECONDS); }

    private StoppedEventArguments stop(String reason) throws Exception {
        StoppedEventArguments stop = stops.poll(PATIENCE, TimeUnit.SECONDS);
        if (stop == null || !reason.equals(stop.getReason())) throw new IllegalStateException("stopped: " + stop + ", want " + reason);
        return stop;
    }

    private static Source source(String path) {
        Source source = new Source();
        source.setPath(path);
        return source;
    }

    private static SetBreakpointsArguments breakpoints(String path, int... lines) {
        SetBreakpointsArguments arguments = new SetBreakpointsArguments();
        arguments.setSource(source(path));
        arguments.setBreakpoints(Arrays.stream(lines).mapToObj(line -> {
            SourceBreakpoint breakpoint = new SourceBreakpoint();
            breakpoint.setLine(line);
            return breakpoint;
        }).toArray(SourceBreakpoint[]::new));
        return arguments;
    }

    private static StackFrame top(IDebugProtocolServer adapter, int thread) throws Exception {
        StackTraceArguments arguments = new StackTraceArguments();
        arguments.setThreadId(thread);
        arguments.setLevels(1);
        return of(adapter.stackTrace(arguments)).getStackFrames()[0];
    }

    private static Variable[] variables(IDebugProtocolServer adapter, int reference) throws Exception {
        VariablesArguments arguments = new VariablesArguments();
        arguments.setVariablesReference(reference);
        return of(adapter.variables(arguments)).getVariables();
    }

    private static Variable named(Variable[] all, String name) {
        return Stream.of(all).filter(v -> v.getName().equals(name)).findFirst().orElseThrow();
    }

    private Map<String, Object> debug(String path, int line, Path answered) throws Exception {
        Process server = new ProcessBuilder("tunnel-server", "dap", "--adapter", "go", "--stdio")
            .directory(Path.of(path).getParent().toFile()).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        var launcher = DSPLauncher.createClientLauncher(this, server.getInputStream(), server.getOutputStream());
        launcher.startListening();
        IDebugProtocolServer adapter = launcher.getRemoteProxy();

        InitializeRequestArguments hello = new InitializeRequestArguments();
        hello.setClientID("lsp4e.debug");
        hello.setAdapterID("kubetunnel");
        hello.setPathFormat("path");
        hello.setSupportsVariableType(true);
        hello.setSupportsRunInTerminalRequest(true);
        if (!of(adapter.initialize(hello)).getSupportsConfigurationDoneRequest()) throw new IllegalStateException("not Delve's capabilities");
        CompletableFuture<Void> launched = adapter.launch(Map.of(
            "request", "launch", "program", Path.of(path).getParent().toString(), "kubetunnel", Map.of("service", "cart")));
        of(CompletableFuture.anyOf(initialized, launched.thenCompose(nothing -> initialized)));
        if (!of(adapter.setBreakpoints(breakpoints(path, line))).getBreakpoints()[0].isVerified()) throw new IllegalStateException("not verified");
        of(adapter.configurationDone(new ConfigurationDoneArguments()));
        of(launched);

        Map<String, Object> report = new TreeMap<>();
        int thread = stop("breakpoint").getThreadId();
        StackFrame frame = top(adapter, thread);
        report.put("function", frame.getName());
        report.put("line", frame.getLine());
        ScopesArguments where = new ScopesArguments();
        where.setFrameId(frame.getId());
        Variable cart = named(variables(adapter, of(adapter.scopes(where)).getScopes()[0].getVariablesReference()), "cart");
        report.put("total", named(variables(adapter, cart.getVariablesReference()), "Total").getValue());
        EvaluateArguments question = new EvaluateArguments();
        question.setExpression("cart.Total");
        question.setFrameId(frame.getId());
        question.setContext("watch");
        report.put("evaluated", of(adapter.evaluate(question)).getResult());
        NextArguments step = new NextArguments();
        step.setThreadId(thread);
        of(adapter.next(step));
        report.put("next", top(adapter, stop("step").getThreadId()).getLine());

        of(adapter.setBreakpoints(breakpoints(path)));
        ContinueArguments on = new ContinueArguments();
        on.setThreadId(thread);
        of(adapter.continue_(on));
        while (!Files.exists(answered)) java.lang.Thread.sleep(20);
        DisconnectArguments end = new DisconnectArguments();
        end.setTerminateDebuggee(true);
        of(adapter.disconnect(end));
        of(terminated);
        report.put("code", server.waitFor());
        return report;
    }

    public static void main(String[] arguments) throws Exception {
        var environment = System.getenv();
        var report = new Eclipse().debug(environment.get("SOURCE"), Integer.parseInt(environment.get("LINE")), Path.of(environment.get("ANSWERED")));
        System.out.println("REPORT " + new Gson().toJson(report));
        System.exit(0);
    }
}
