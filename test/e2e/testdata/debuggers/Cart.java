import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/** Stands in for cart, in Java: answers each call with what it finds in the pod. */
public class Cart {
  public static void main(String[] args) throws Exception {
    String listen = System.getenv("LISTEN");
    int colon = listen.lastIndexOf(':');
    HttpServer server = HttpServer.create(
        new InetSocketAddress(listen.substring(0, colon), Integer.parseInt(listen.substring(colon + 1))), 0);
    server.createContext("/", exchange -> {
      String currency = System.getenv("CURRENCY");
      String name = InetAddress.getLocalHost().getHostName();
      byte[] body = ("{\"servedBy\":\"" + name + "\",\"currency\":\"" + currency + "\"}") // breakpoint here
          .getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    server.start();
  }
}
