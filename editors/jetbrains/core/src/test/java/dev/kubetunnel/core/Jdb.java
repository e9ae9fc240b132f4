package dev.kubetunnel.core;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;

/** Java's own debugger at its prompt. */
public final class Jdb implements AutoCloseable {
    private final Process process;
    private final InputStream out;
    private final Writer in;

    public Jdb(long port) throws IOException {
        process = new ProcessBuilder("jdb", "-sourcepath", Stage.cartSource().getParent().toString(), "-attach", "127.0.0.1:" + port)
                .redirectErrorStream(true).start();
        out = process.getInputStream();
        in = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
    }

    /** The line of Cart.java that holds the breakpoint. */
    public static int breakpointLine() throws IOException {
        List<String> lines = Files.readAllLines(Stage.cartSource());
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).contains("// breakpoint here")) {
                return i + 1;
            }
        }
        throw new IOException("there is no breakpoint");
    }

    public void say(String line) throws IOException {
        in.write(line + "\n");
        in.flush();
    }

    /** Reads until a text has come. */
    public String until(String want) throws IOException {
        StringBuilder seen = new StringBuilder();
        while (seen.indexOf(want) < 0) {
            int c = out.read();
            if (c < 0) {
                throw new IOException("jdb has ended, before \"" + want + "\": " + seen);
            }
            seen.append((char) c);
        }
        return seen.toString();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
