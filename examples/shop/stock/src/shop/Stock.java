package shop;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Stock tells how many pieces of an item there are, and what they are worth. */
public final class Stock {
  private static final Map<String, Integer> PIECES = Map.of("apple", 120, "bread", 14, "coffee", 60);
  private static final Pattern CENTS = Pattern.compile("\"cents\":(\\d+)");
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final HttpClient client = HttpClient.newBuilder().connectTimeout(PATIENCE).build();
  private final String prices = variable("PRICES_URL", "http://prices");
  private final String warehouse = variable("WAREHOUSE", "none");
  private final String host = InetAddress.getLocalHost().getHostName();

  private Stock() throws IOException {}

  /** Serves until the process ends. */
  public static void main(String[] args) throws IOException {
    String listen = variable("LISTEN", "0.0.0.0:8080");
    int colon = listen.lastIndexOf(':');
    var address = new InetSocketAddress(listen.substring(0, colon), Integer.parseInt(listen.substring(colon + 1)));
    Stock stock = new Stock();
    HttpServer server = HttpServer.create(address, 0);
    server.createContext("/stock/", stock::handleStock);
    server.createContext("/healthz", exchange -> answer(exchange, 200, "{\"servedBy\":\"" + stock.host + "\"}"));
    server.setExecutor(Executors.newFixedThreadPool(4));
    server.start();
  }

  private void handleStock(HttpExchange exchange) throws IOException {
    String item = exchange.getRequestURI().getPath().substring("/stock/".length());
    Integer pieces = PIECES.get(item);
    if (pieces == null) {
      answer(exchange, 404, "{\"error\":\"no such item\"}");
      return;
    }
    Optional<Integer> cents = price(item);
    if (cents.isEmpty()) {
      answer(exchange, 502, "{\"error\":\"prices does not answer\"}");
      return;
    }
    int worth = pieces * cents.get(); // breakpoint here
    String json = "{\"item\":\"%s\",\"pieces\":%d,\"worth\":%d,\"warehouse\":\"%s\",\"servedBy\":\"%s\"}";
    answer(exchange, 200, String.format(json, item, pieces, worth, warehouse, host));
  }

  /** Asks the service prices, by its name in the cluster. */
  private Optional<Integer> price(String item) throws IOException {
    HttpRequest request = HttpRequest.newBuilder(URI.create(prices + "/prices/" + item)).timeout(PATIENCE).build();
    try {
      HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
      Matcher cents = CENTS.matcher(response.body());
      return response.statusCode() == 200 && cents.find() ? Optional.of(Integer.valueOf(cents.group(1))) : Optional.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
  }

  private static void answer(HttpExchange exchange, int status, String json) throws IOException {
    byte[] body = json.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }

  private static String variable(String name, String otherwise) {
    return Optional.ofNullable(System.getenv(name)).orElse(otherwise);
  }
}
