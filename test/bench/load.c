// Keeps calls in flight and measures them: load PORT CONNECTIONS MILLISECONDS LEAST_BYTES < request
// The request is raw HTTP/1.1; the mark "@@@@@@@@" in it becomes an id of its own for each call. Every answer must be a
// 200 with that id and at least so many bytes of body. Prints one JSON object; times are microseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 64, MOST_CALLS = 4000000, ID_DIGITS = 8, SEEN = 1024, WAIT_MS = 20000 };

struct connection {
  int fd;
  char *request, *mark;
  char id[16];
  char *answer;
  size_t filled, room;
  size_t body;     // where the body starts; 0 while the head is incomplete
  size_t next;     // chunked: where the next chunk starts
  size_t length;   // otherwise: the body's length
  int chunked;
  uint64_t sent;
};

static struct connection all[MOST_CONNECTIONS];
static float *times;
static size_t calls, bad, least, request_size;
static unsigned last_id = 10000000;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void call(struct connection *c) {
  snprintf(c->id, sizeof c->id, "%u", last_id++);
  memcpy(c->mark, c->id, ID_DIGITS);
  c->filled = c->body = c->length = 0;
  c->chunked = 0;
  c->sent = now();
  if (write(c->fd, c->request, request_size) != (ssize_t)request_size) die("write");
}

static void read_head(struct connection *c) {
  char *end = memmem(c->answer, c->filled, "\r\n\r\n", 4);
  if (!end) return;
  c->body = c->next = (size_t)(end + 4 - c->answer);
  *end = 0;
  char *length = strcasestr(c->answer, "\r\ncontent-length:");
  if (length) c->length = strtoul(length + 17, NULL, 10);
  else c->chunked = strcasestr(c->answer, "\r\ntransfer-encoding: chunked") != NULL;
  if (strncmp(c->answer, "HTTP/1.1 200", 12) != 0) bad++;
}

// Whether the answer is complete; `c->answer` always ends in a zero byte.
static int is_complete(struct connection *c) {
  if (!c->body) read_head(c);
  if (!c->body) return 0;
  if (!c->chunked) return c->filled >= c->body + c->length;
  while (c->next < c->filled) {
    char *start = c->answer + c->next;
    char *end = memmem(start, c->filled - c->next, "\r\n", 2);
    if (!end) return 0;
    size_t size = strtoul(start, NULL, 16);
    size_t after = (size_t)(end + 2 - c->answer) + size + 2;
    if (size == 0) return c->filled >= after;
    c->next = after;
  }
  return 0;
}

// The id stands near the beginning or near the end of an answer, whoever wrote it.
static int is_ours(const struct connection *c) {
  const char *body = c->answer + c->body;
  size_t size = c->filled - c->body, part = size < SEEN ? size : SEEN;
  if (size < least) return 0;
  return memmem(body, part, c->id, ID_DIGITS) || memmem(body + size - part, part, c->id, ID_DIGITS);
}

// Takes in what has come; 1 when that completes the call.
static int take(struct connection *c) {
  if (c->room - c->filled < 65536) {
    c->room = c->room * 2 + 262144;
    if (!(c->answer = realloc(c->answer, c->room))) die("realloc");
  }
  ssize_t got = read(c->fd, c->answer + c->filled, c->room - c->filled - 1);
  if (got <= 0) die("the server closed the connection");
  c->filled += (size_t)got;
  c->answer[c->filled] = 0;
  return is_complete(c);
}

static int ascending(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void open_connection(struct connection *c, int port, int epoll, const char *request) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) die("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  c->request = strdup(request);
  c->mark = strstr(c->request, "@@@@@@@@");
  if (!c->mark) die("the request has no mark");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int connections = atoi(argv[2]);
  if (connections < 1 || connections > MOST_CONNECTIONS) return 2;
  least = strtoul(argv[4], NULL, 10);
  static char request[65536];
  request_size = fread(request, 1, sizeof request - 1, stdin);
  times = malloc(MOST_CALLS * sizeof *times);
  int epoll = epoll_create1(0), busy = connections;
  for (int i = 0; i < connections; i++) open_connection(&all[i], atoi(argv[1]), epoll, request);

  uint64_t start = now(), end = start + strtoull(argv[3], NULL, 10) * 1000000u;
  for (int i = 0; i < connections; i++) call(&all[i]);
  while (busy > 0) {
    struct epoll_event events[MOST_CONNECTIONS];
    int ready = epoll_wait(epoll, events, MOST_CONNECTIONS, WAIT_MS);
    // A stream is kept alive by comments, answer or none.
    if (ready <= 0 || now() > end + WAIT_MS * 1000000ull) die("a call was not answered");
    for (int i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (!take(c)) continue;
      uint64_t at = now();
      if (!is_ours(c)) bad++;
      if (at <= end && calls < MOST_CALLS) times[calls++] = (float)(at - c->sent) / 1000;
      if (at < end) call(c);
      else busy--;
    }
  }
  if (calls == 0) die("no call was answered in time");
  qsort(times, calls, sizeof *times, ascending);
  printf("{\"calls\":%zu,\"perSecond\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"bad\":%zu}\n", calls,
         (double)calls * 1e9 / (double)(end - start), times[calls / 2], times[calls * 99 / 100], bad);
}
