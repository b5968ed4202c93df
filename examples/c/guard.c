/* Filters a file of prompts and answers, one a line: role, a tab, text. Prints what to do with each.
 *
 *   guard PACK FILE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trueline.h"

enum { LINE_BYTES = 65536 };

static int failed(const char *what, tl_status status) {
  fprintf(stderr, "guard: %s: %s: %s\n", what, tl_status_name(status), tl_last_error());
  return 1;
}

static uint32_t role_number(const char *word) {
  if (strcmp(word, "user") == 0) return TL_ROLE_USER;
  if (strcmp(word, "assistant") == 0) return TL_ROLE_ASSISTANT;
  if (strcmp(word, "tool") == 0) return TL_ROLE_TOOL;
  return TL_ROLE_ANY;
}

static const char *action_word(int32_t action) {
  switch (action) {
    case TL_ACTION_ALLOW: return "allow";
    case TL_ACTION_REDACT: return "redact";
    case TL_ACTION_CORRECT: return "correct";
    case TL_ACTION_REVIEW: return "review";
    default: return "block";
  }
}

/* One line: its number, the action, the risk, and each flagged category with its score. */
static void print_item(unsigned long line, const tl_result *result) {
  size_t n = tl_result_category_count(result, 0);
  printf("%lu %s %.6f", line, action_word(tl_result_action(result, 0)), (double)tl_result_risk(result, 0));
  for (size_t i = 0; i < n; i++) {
    tl_category category;
    if (tl_result_category(result, 0, i, &category) == TL_OK && category.flagged) {
      printf(" %s=%.6f", category.name, (double)category.score);
    }
  }
  printf("\n");
}

static int filter(FILE *file, tl_session *session, tl_result *result) {
  static char line[LINE_BYTES];
  unsigned long number = 0;
  int status_of_all = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    tl_guard_options options = TL_GUARD_OPTIONS_INIT;
    char *text = line;
    char *tab = strchr(line, '\t');
    tl_status status;
    number++;
    line[strcspn(line, "\r\n")] = '\0';
    if (tab != NULL) {
      *tab = '\0';
      options.role = role_number(line);
      text = tab + 1;
    }
    status = tl_session_guard(session, &options, text, strlen(text), result);
    if (status != TL_OK) status_of_all = failed("a text was not judged", status);
    print_item(number, result); /* after a failure this prints "block" and risk 1 */
  }
  return status_of_all;
}

int main(int argc, char **argv) {
  tl_pack *pack = NULL;
  tl_engine *engine = NULL;
  tl_session *session = NULL;
  tl_result *result = NULL;
  FILE *file = NULL;
  tl_status status;
  int code = 1;

  if (argc != 3) {
    fprintf(stderr, "usage: guard PACK FILE\n");
    return 2;
  }
  if (tl_abi_version() != TL_ABI_VERSION) {
    fprintf(stderr, "guard: built for ABI %u, running with ABI %u\n", TL_ABI_VERSION, tl_abi_version());
    return 1;
  }
  status = tl_pack_open(argv[1], &pack);
  if (status == TL_OK) status = tl_engine_create(NULL, (const tl_pack *const *)&pack, 1, &engine);
  if (status == TL_OK) status = tl_session_create(engine, NULL, &session);
  if (status == TL_OK) status = tl_result_create(&result);
  if (status != TL_OK) {
    failed(argv[1], status);
  } else if ((file = fopen(argv[2], "rb")) == NULL) {
    perror(argv[2]);
  } else {
    code = filter(file, session, result);
    fclose(file);
  }
  tl_result_destroy(result);
  tl_session_destroy(session);
  tl_engine_destroy(engine);
  tl_pack_destroy(pack);
  return code;
}
