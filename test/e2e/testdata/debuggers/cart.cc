// Stands in for cart, in C++: answers each call with what it finds in the pod.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

static void answer(int caller) {
  char request[4096];
  if (read(caller, request, sizeof request) <= 0) return;
  char name[256];
  gethostname(name, sizeof name);
  std::string currency = std::getenv("CURRENCY");
  int total = static_cast<int>(currency.size());
  std::string body = "{\"servedBy\":\"" + std::string(name) + "\",\"currency\":\"" + currency + "\"}";  // breakpoint here
  std::string head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  std::string whole = head + body;
  if (write(caller, whole.data(), whole.size()) < 0 || total < 0) return;
}

int main() {
  std::string listen_on = std::getenv("LISTEN");
  auto colon = listen_on.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(std::stoi(listen_on.substr(colon + 1)));
  inet_pton(AF_INET, listen_on.substr(0, colon).c_str(), &address.sin_addr);
  int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);  // it is started again at once
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener, 16) != 0) return 1;
  for (;;) {
    int caller = accept(listener, nullptr, nullptr);
    if (caller < 0) return 2;
    std::thread([caller] {
      answer(caller);
      close(caller);
    }).detach();
  }
}
