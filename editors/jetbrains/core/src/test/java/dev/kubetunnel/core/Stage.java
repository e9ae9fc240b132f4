package dev.kubetunnel.core;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URLEncoder;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** What the stage tells of the cluster: see test/stage in the project's folder. */
public final class Stage {
    private static final long LIMIT_MILLIS = 120_000;
    private static final long PAUSE_MILLIS = 50;

    private Stage() {}

    private record Answer(int status, String text) {}

    private static Answer ask(String path) throws IOException {
        String socket = System.getenv("KUBETUNNEL_STAGE");
        if (socket == null) {
            throw new IllegalStateException("these tests need a cluster: make test-jetbrains brings one up");
        }
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            channel.write(ByteBuffer.wrap(("GET " + path + " HTTP/1.0\r\nHost: stage\r\n\r\n").getBytes(StandardCharsets.US_ASCII)));
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            ByteBuffer buffer = ByteBuffer.allocate(8192);
            while (channel.read(buffer) >= 0) {
                all.write(buffer.array(), 0, buffer.position());
                buffer.clear();
            }
            String answer = all.toString(StandardCharsets.UTF_8);
            int body = answer.indexOf("\r\n\r\n");
            return new Answer(Integer.parseInt(answer.split(" ", 3)[1]), answer.substring(body + 4));
        }
    }

    /** Lets a client in the cluster call, on a connection of its own. */
    public static JsonObject call(String url) throws IOException {
        Answer answer = ask("/call?url=" + URLEncoder.encode(url, StandardCharsets.UTF_8));
        if (answer.status != 200) {
            throw new IOException(url + ": " + answer.text);
        }
        return JsonParser.parseString(answer.text).getAsJsonObject();
    }

    /** Calls again and again until the answer comes from this workstation. */
    public static CompletableFuture<JsonObject> callUntilHere(String url) {
        return CompletableFuture.supplyAsync(() -> until("an answer of this workstation to " + url, () -> {
            JsonObject answer = call(url);
            String by = answer.get("servedBy").getAsString();
            if (!by.startsWith("kt-") && !by.equals(InetAddress.getLocalHost().getHostName())) {
                throw new IOException("answered by " + by);
            }
            return answer;
        }));
    }

    /** Waits until a Service is as it was before the tests. */
    public static void same(String service) {
        until("Service " + service + " to be as it was", () -> {
            Answer answer = ask("/same?service=" + service);
            if (answer.status != 200) {
                throw new IOException(answer.text);
            }
            return null;
        });
    }

    /** Waits until that is so, and nothing of the operator's is left in the namespace. */
    public static void restored(String service) {
        same(service);
        until("the agents to go", () -> {
            Answer answer = ask("/left");
            if (!answer.text.strip().equals("[]")) {
                throw new IOException("there are " + answer.text);
            }
            return null;
        });
    }

    /** Asks until it doesn't fail any more. The last failure is told. */
    public static <T> T until(String what, Callable<T> ask) {
        long end = System.nanoTime() + LIMIT_MILLIS * 1_000_000;
        while (true) {
            try {
                return ask.call();
            } catch (Exception | AssertionError e) {
                if (System.nanoTime() > end) {
                    throw new AssertionError("waited for " + what + ": " + e.getMessage(), e);
                }
            }
            try {
                Thread.sleep(PAUSE_MILLIS);
            } catch (InterruptedException e) {
                throw new AssertionError("interrupted, waiting for " + what, e);
            }
        }
    }

    /** A port that nobody listens on. */
    public static int freePort() throws IOException {
        try (java.net.ServerSocket socket = new java.net.ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    /** What a future comes to, within the time that everything has here. */
    public static <T> T get(CompletableFuture<T> future) throws Exception {
        return future.get(LIMIT_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** Compiles stock, the shop's service in Java, and answers how one runs it. */
    public static String stock(Path classes) throws Exception {
        Path source = stockSources().resolve("shop/Stock.java");
        Process javac = new ProcessBuilder("javac", "-g", "-d", classes.toString(), source.toString()).inheritIO().start();
        if (javac.waitFor() != 0) {
            throw new IOException("javac failed");
        }
        return "java -Xmx64m -cp '" + classes + "' shop.Stock";
    }

    static Path stockSources() {
        return Folders.project().resolve("examples/shop/stock/src");
    }
}
