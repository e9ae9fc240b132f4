// The debuggee of the tests: it tells its environment.
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

int main() {
  for (const char* name : {"FROM_POD", "FROM_USER", "BOTH", "GONE"}) {
    const char* value = std::getenv(name);
    std::printf("env %s=%s\n", name, value ? value : "(unset)");
  }
  int answer = 42;
  std::printf("answer %d\n", answer);  // line 12: breakpoint
  std::fflush(stdout);
  return 3;
}
