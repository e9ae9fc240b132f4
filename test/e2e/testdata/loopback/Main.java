import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Asks a Service by name, in Java's three ways, and reads a mounted file. */
public class Main {
    public static void main(String[] args) throws Exception {
        URI target = URI.create("http://prices/prices/apple");
        // The client heeds the default ProxySelector when it is told so.
        HttpClient client = HttpClient.newBuilder().proxy(java.net.ProxySelector.getDefault()).build();
        HttpResponse<String> answer = client.send(HttpRequest.newBuilder(target).build(), HttpResponse.BodyHandlers.ofString());
        System.out.println("service: " + answer.statusCode() + " " + answer.body());

        HttpURLConnection connection = (HttpURLConnection) target.toURL().openConnection();
        try (InputStream in = connection.getInputStream()) {
            System.out.println("URLConnection: " + new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }

        // As database drivers do it: the name goes to the SOCKS proxy unresolved.
        try (Socket socket = new Socket()) {
            socket.connect(InetSocketAddress.createUnresolved("prices", 80), 20000);
            socket.getOutputStream().write("GET /prices/apple HTTP/1.0\r\nHost: prices\r\n\r\n".getBytes(StandardCharsets.UTF_8));
            System.out.println("socket: " + new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
        }

        String root = System.getenv().getOrDefault("KUBETUNNEL_ROOT", "");
        System.out.println("file: " + Files.readString(Path.of(root + "/etc/cart/banner.txt")));
        System.out.println("variable: " + System.getenv("REGION"));
        System.out.println("own option: " + System.getProperty("mine"));
    }
}
