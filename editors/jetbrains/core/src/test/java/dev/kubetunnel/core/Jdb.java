package dev.kubetunnel.core;

import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** Java's own debugger at its prompt, whoever started it, with stock of the shop as its debuggee. */
public final class Jdb {
    private final OutputStream in;
    private final Supplier<String> written;
    private int read;

    /** written answers all that it has written so far. */
    public Jdb(OutputStream in, Supplier<String> written) {
        this.in = in;
        this.written = written;
    }

    /** The command line, in which "{port}" stands for the debug server's. */
    public static List<String> command() {
        return List.of("jdb", "-sourcepath", Stage.stockSources().toString(), "-attach", "127.0.0.1:{port}");
    }

    /** Follows a process of it, whose output is read to its end. */
    static Jdb of(Process process) {
        StringBuffer written = new StringBuffer();
        CompletableFuture.runAsync(() -> {
            try (Reader out = new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)) {
                for (int c = out.read(); c >= 0; c = out.read()) {
                    written.append((char) c);
                }
            } catch (IOException e) {
                written.append("\n").append(e);
            }
        });
        return new Jdb(process.getOutputStream(), written::toString);
    }

    private void say(String line) throws IOException {
        in.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        in.flush();
    }

    private void until(String want) {
        Stage.until("\"" + want + "\" of jdb", () -> {
            String all = written.get();
            int at = all.indexOf(want, read);
            if (at < 0) {
                throw new IllegalStateException(all.substring(read));
            }
            read = at + want.length();
            return null;
        });
    }

    /**
     * Lets a client in the cluster call, whose request hits the breakpoint; sees the pod's environment there, and what
     * another Service of the cluster has answered; and lets the client have its answer.
     */
    public void debugACall() throws Exception {
        String breakpoint = "shop.Stock:" + breakpointLine();
        until("main[1] ");
        say("stop at " + breakpoint);
        until("main[1] ");
        say("cont");
        CompletableFuture<?> answered = Stage.callUntilHere("http://stock/stock/apple").thenAccept(answer -> {
            if (answer.get("worth").getAsInt() != 4200 || !answer.get("warehouse").getAsString().equals("lisbon")) {
                throw new IllegalStateException("the caller was answered " + answer);
            }
        });
        until("Breakpoint hit:");
        until("[1] ");
        if (answered.isDone()) {
            throw new IllegalStateException("the caller has its answer before the breakpoint: " + answered);
        }
        say("print this.warehouse");
        until("this.warehouse = \"lisbon\"");
        say("print cents.get()");
        until("cents.get() = \"35\"");
        say("clear " + breakpoint);
        say("cont");
        Stage.get(answered);
    }

    /** The line of Stock.java that holds the breakpoint. */
    private static int breakpointLine() throws IOException {
        Path source = Stage.stockSources().resolve("shop/Stock.java");
        List<String> lines = Files.readAllLines(source);
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).contains("// breakpoint here")) {
                return i + 1;
            }
        }
        throw new IOException(source + " has no breakpoint");
    }
}
