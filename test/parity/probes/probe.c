/* The parity suite's probe by glibc: its resolver, its sockets. It reads lines of an
 * id, a tab, and a question; it writes the answers as JSON. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 5, CALLED_PATIENCE = 15 };

static char text[1 << 16];

static void say(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(text + strlen(text), sizeof text - strlen(text), format, args);
  va_end(args);
}

static void fail(int code) {
  if (code == EAGAIN || code == EINPROGRESS)
    say("error: timeout");
  else
    say("error: %s", strerrorname_np(code));
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* say_sorted says lines whose order says nothing, each once, and frees them. */
static void say_sorted(char **lines, int count) {
  qsort(lines, count, sizeof *lines, compare);
  for (int i = 0; i < count; i++) {
    if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0) say("%s%s", i ? "\n" : "", lines[i]);
  }
  for (int i = 0; i < count; i++) free(lines[i]);
}

static void bound(int fd, int seconds) {
  struct timeval time = {.tv_sec = seconds};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

static const char *address_of(struct sockaddr *a, socklen_t length) {
  static char host[NI_MAXHOST];
  if (getnameinfo(a, length, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0) strcpy(host, "?");
  return host;
}

/* resolve takes HOST:PORT or [HOST]:PORT; 0, or getaddrinfo's error. */
static int resolve(const char *address, int type, int flags, struct addrinfo **found) {
  char copy[512];
  snprintf(copy, sizeof copy, "%s", address);
  char *port = strrchr(copy, ':'), *host = copy;
  *port++ = 0;
  if (*host == '[') {
    host++;
    host[strlen(host) - 1] = 0;
  }
  struct addrinfo hints = {.ai_socktype = type, .ai_flags = flags};
  return getaddrinfo(*host ? host : NULL, port, &hints, found);
}

/* open_to connects; -1 after it has said why it can't. */
static int open_to(const char *address, int type) {
  struct addrinfo *found;
  int failed = resolve(address, type, 0, &found), fd = -1;
  if (failed) {
    say("error: %s", gai_strerror(failed));
    return -1;
  }
  for (struct addrinfo *a = found; a != NULL; a = a->ai_next) {
    fd = socket(a->ai_family, type, 0);
    bound(fd, PATIENCE);
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) break;
    failed = errno;
    close(fd);
    fd = -1;
  }
  if (fd < 0) fail(failed);
  freeaddrinfo(found);
  return fd;
}

static void lookup(const char *name, int flags) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *found;
  int failed = getaddrinfo(name, NULL, &hints, &found), count = 0;
  if (failed) {
    say("error: %s", gai_strerror(failed));
    return;
  }
  if (flags & AI_CANONNAME) say("%s\n", found->ai_canonname);
  char *lines[1024];
  for (struct addrinfo *a = found; a != NULL && count < 1024; a = a->ai_next) lines[count++] = strdup(address_of(a->ai_addr, a->ai_addrlen));
  say_sorted(lines, count);
  freeaddrinfo(found);
}

static void lookup_old(const char *name) {
  struct hostent *found = gethostbyname(name);
  if (found == NULL) {
    say("error: %s", hstrerror(h_errno));
    return;
  }
  say("%s", found->h_name);
  for (char **a = found->h_addr_list; *a; a++) say("\n%s", inet_ntoa(*(struct in_addr *)*a));
}

static void lookup_address(const char *address) {
  struct sockaddr_in a = {.sin_family = AF_INET};
  char host[NI_MAXHOST];
  inet_pton(AF_INET, address, &a.sin_addr);
  int failed = getnameinfo((struct sockaddr *)&a, sizeof a, host, sizeof host, NULL, 0, NI_NAMEREQD);
  if (failed)
    say("error: %s", gai_strerror(failed));
  else
    say("%s", host);
}

static void own_address(int family, char *to, size_t size) {
  struct ifaddrs *all;
  *to = 0;
  if (getifaddrs(&all) != 0) return;
  for (struct ifaddrs *a = all; a != NULL; a = a->ifa_next) {
    if (a->ifa_addr == NULL || a->ifa_addr->sa_family != family || strcmp(a->ifa_name, "lo") == 0) continue;
    if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr)) continue;
    snprintf(to, size, "%s", address_of(a->ifa_addr, family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)));
  }
  freeifaddrs(all);
}

static void exchange(const char *address, int type) {
  int fd = open_to(address, type);
  if (fd < 0) return;
  char buffer[1500];
  ssize_t n = send(fd, "who\n", 4, MSG_NOSIGNAL);
  if (n > 0) n = recv(fd, buffer, sizeof buffer, 0);
  if (n < 0)
    fail(errno);
  else
    say("%.*s", (int)n, buffer);
  close(fd);
}

/* receive sends a line and counts what comes until the far side's end. */
static void receive(const char *address) {
  int fd = open_to(address, SOCK_STREAM);
  if (fd < 0) return;
  static char buffer[1 << 16];
  unsigned long sum = 0, count = 0;
  ssize_t n = send(fd, "go\n", 3, MSG_NOSIGNAL);
  while (n > 0 && (n = recv(fd, buffer, sizeof buffer, 0)) > 0) {
    for (ssize_t i = 0; i < n; i++) sum = sum * 31 + (unsigned char)buffer[i];
    count += n;
  }
  say("%lu bytes, sum %lx, then ", count, sum);
  if (n < 0)
    fail(errno);
  else
    say("EOF");
  close(fd);
}

static void half_close(const char *address) {
  int fd = open_to(address, SOCK_STREAM);
  if (fd < 0) return;
  char buffer[200];
  send(fd, "count\n123456789", 15, MSG_NOSIGNAL);
  shutdown(fd, SHUT_WR);
  for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) say("%.*s", (int)n, buffer);
  close(fd);
}

static void ends(const char *address, int (*end)(int, struct sockaddr *, socklen_t *)) {
  int fd = open_to(address, SOCK_STREAM);
  if (fd < 0) return;
  struct sockaddr_storage a;
  socklen_t length = sizeof a;
  end(fd, (struct sockaddr *)&a, &length);
  say("%s", address_of((struct sockaddr *)&a, length));
  close(fd);
}

static int listen_on(const char *address) {
  struct addrinfo *found;
  int yes = 1;
  if (resolve(address, SOCK_STREAM, AI_PASSIVE | AI_NUMERICHOST, &found) != 0) return -1;
  int fd = socket(found->ai_family, SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 16) != 0) {
    fail(errno);
    close(fd);
    fd = -1;
  }
  freeaddrinfo(found);
  return fd;
}

static void called(const char *address) {
  int fd = listen_on(address);
  if (fd < 0) return;
  bound(fd, CALLED_PATIENCE);
  for (;;) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    char line[100] = "";
    int conn = accept(fd, (struct sockaddr *)&from, &length);
    if (conn < 0) {
      if (errno == EAGAIN)
        say("nobody has called");
      else
        fail(errno);
      break;
    }
    bound(conn, PATIENCE);
    if (recv(conn, line, sizeof line - 1, 0) > 0) send(conn, "seen\n", 5, MSG_NOSIGNAL);
    close(conn);
    if (strncmp(line, "caller", 6) == 0) {
      say("from %s", address_of((struct sockaddr *)&from, length));
      break;
    }
  }
  close(fd);
}

static void list(const char *path) {
  DIR *folder = opendir(path);
  if (folder == NULL) {
    fail(errno);
    return;
  }
  char *lines[1024];
  int count = 0;
  for (struct dirent *e; (e = readdir(folder)) != NULL && count < 1024;) {
    char to[1024] = "", line[2048];
    ssize_t n = readlinkat(dirfd(folder), e->d_name, to, sizeof to - 1);
    snprintf(line, sizeof line, n < 0 ? "%s" : "%s -> %s", e->d_name, to);
    lines[count++] = strdup(line);
  }
  closedir(folder);
  say_sorted(lines, count);
}

static void file(const char *verb, const char *path) {
  struct stat s;
  int fd = open(path, strcmp(verb, "write") == 0 ? O_WRONLY | O_APPEND : O_RDONLY);
  if (fd < 0 || fstat(fd, &s) != 0) {
    fail(errno);
    return;
  }
  if (strcmp(verb, "read") == 0) {
    char buffer[4000];
    ssize_t n = read(fd, buffer, sizeof buffer);
    say("%.*s", (int)(n < 0 ? 0 : n), buffer);
  } else if (strcmp(verb, "mode") == 0) {
    say("%o", s.st_mode);
  } else {
    say("can be written");
  }
  close(fd);
}

static void answer(char *question) {
  char *verb = strtok(question, " "), *arg = strtok(NULL, " ");
  if (strcmp(verb, "env") == 0)
    say("%s", getenv(arg) ? getenv(arg) : "not set");
  else if (strcmp(verb, "hostname") == 0)
    gethostname(text, sizeof text);
  else if (strcmp(verb, "address") == 0)
    own_address(AF_INET, text, sizeof text);
  else if (strcmp(verb, "address6") == 0)
    own_address(AF_INET6, text, sizeof text);
  else if (strcmp(verb, "ls") == 0)
    list(arg);
  else if (strcmp(verb, "read") == 0 || strcmp(verb, "mode") == 0 || strcmp(verb, "write") == 0)
    file(verb, arg);
  else if (strcmp(verb, "lookup") == 0)
    lookup(arg, 0);
  else if (strcmp(verb, "lookupcname") == 0)
    lookup(arg, AI_CANONNAME);
  else if (strcmp(verb, "lookupold") == 0)
    lookup_old(arg);
  else if (strcmp(verb, "lookupaddr") == 0)
    lookup_address(arg);
  else if (strcmp(verb, "whoami") == 0)
    exchange(arg, SOCK_STREAM);
  else if (strcmp(verb, "udpwhoami") == 0)
    exchange(arg, SOCK_DGRAM);
  else if (strcmp(verb, "local") == 0)
    ends(arg, getsockname);
  else if (strcmp(verb, "remote") == 0)
    ends(arg, getpeername);
  else if (strcmp(verb, "receive") == 0)
    receive(arg);
  else if (strcmp(verb, "halfclose") == 0)
    half_close(arg);
  else if (strcmp(verb, "called") == 0)
    called(arg);
  else if (strcmp(verb, "connect") == 0) {
    int fd = open_to(arg, SOCK_STREAM);
    if (fd >= 0) say("connected");
    close(fd);
  } else if (strcmp(verb, "bind") == 0) {
    int fd = listen_on(arg);
    if (fd >= 0) say("listening");
    close(fd);
  } else
    say("this probe does not know the question");
}

static void quote(const char *s) {
  putchar('"');
  for (; *s; s++) {
    if (*s == '"' || *s == '\\')
      printf("\\%c", *s);
    else if ((unsigned char)*s < 0x20)
      printf("\\u%04x", *s);
    else
      putchar(*s);
  }
  putchar('"');
}

/* fill puts what only this process knows in the place of {own.ip} and {hostname}. */
static void fill(char *question, size_t size) {
  char own[200], host[200], out[2000];
  own_address(AF_INET, own, sizeof own);
  gethostname(host, sizeof host);
  for (const char *pair[][2] = {{"{own.ip}", own}, {"{hostname}", host}}, *(*p)[2] = pair; p < pair + 2; p++) {
    char *at = strstr(question, (*p)[0]);
    if (at == NULL) continue;
    snprintf(out, sizeof out, "%.*s%s%s", (int)(at - question), question, (*p)[1], at + strlen((*p)[0]));
    snprintf(question, size, "%s", out);
  }
}

int main(void) {
  static char line[2000];
  int first = 1;
  printf("{");
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = 0;
    char *question = strchr(line, '\t');
    if (question == NULL) return 1;
    *question++ = 0;
    char asked[2000];
    snprintf(asked, sizeof asked, "%s", question);
    fill(asked, sizeof asked);
    text[0] = 0;
    answer(asked);
    size_t end = strlen(text);
    while (end > 0 && text[end - 1] == '\n') text[--end] = 0;
    printf("%s", first ? "" : ",");
    quote(line);
    printf(":");
    quote(text);
    first = 0;
  }
  printf("}\n");
  return 0;
}
