// The MCP server that every subject of the benchmark runs: stdio, newline-delimited JSON-RPC, as little work as can be.
// Its tools bear names of forgejo-mcp's: `get_file_content` answers a text of a mebibyte that is JSON itself, as most of
// forgejo-mcp's are, and `get_issue_by_index` its argument `owner`. Compiled with STATELESS it is one of revision
// 2026-07-28, for a bridge that has no other way to serve clients of that revision.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 1 << 20 };

#ifdef STATELESS
#define COMPLETE "\"resultType\":\"complete\","
#else
#define COMPLETE ""
#endif

// One record of the large text, as it stands escaped in the outer JSON.
#define RECORD                                                                                    \
  "{\\\"id\\\":%d,\\\"title\\\":\\\"Listing fails on a page boundary\\\",\\\"state\\\":\\\"open\\\"," \
  "\\\"user\\\":{\\\"login\\\":\\\"alice\\\"},\\\"body\\\":\\\"Steps to reproduce:\\\\n1. open the list\\\\n" \
  "2. go to the last page\\\\n\\\\nThe last entry is missing; reloading does not help.\\\"},"

static char large[LARGE + 512];

static void answer(const char *id, int length, const char *result, size_t size) {
  printf("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":", length, id);
  fwrite(result, 1, size, stdout);
  fputs("}\n", stdout);
  fflush(stdout);
}

static void answer_text(const char *id, int length, const char *text, size_t size) {
  printf("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{" COMPLETE "\"content\":[{\"type\":\"text\",\"text\":\"", length, id);
  fwrite(text, 1, size, stdout);
  fputs("\"}]}}\n", stdout);
  fflush(stdout);
}

int main(void) {
  static const char hello[] =
      "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{\"tools\":{}},"
      "\"serverInfo\":{\"name\":\"bench\",\"version\":\"1\"}}";
#ifdef STATELESS
  static const char discovered[] =
      "{" COMPLETE "\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}},"
      "\"ttlMs\":0,\"cacheScope\":\"private\"}";
#endif
  static const char tools[] =
      "{" COMPLETE "\"tools\":[{\"name\":\"get_issue_by_index\",\"inputSchema\":{\"type\":\"object\","
      "\"properties\":{\"owner\":{\"type\":\"string\"}}}},"
      "{\"name\":\"get_file_content\",\"inputSchema\":{\"type\":\"object\"}}]}";
  size_t filled = 0;
  for (int n = 0; filled < LARGE; n++) filled += (size_t)sprintf(large + filled, RECORD, n);

  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, stdin) > 0) {
    const char *id = strstr(line, "\"id\":");
    if (!id) continue;
    id += 5;
    int length = (int)strcspn(id, ",}");
    const char *text = strstr(line, "\"owner\":\"");
    if (strstr(line, "\"initialize\"")) answer(id, length, hello, sizeof hello - 1);
#ifdef STATELESS
    else if (strstr(line, "\"server/discover\"")) answer(id, length, discovered, sizeof discovered - 1);
#endif
    else if (strstr(line, "\"tools/list\"")) answer(id, length, tools, sizeof tools - 1);
    else if (strstr(line, "\"get_file_content\"")) answer_text(id, length, large, LARGE);
    else if (text) answer_text(id, length, text + 9, strcspn(text + 9, "\""));
    else answer_text(id, length, "", 0);
  }
  free(line);
}
