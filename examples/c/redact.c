/* Redacts each line of standard input by a policy; lines that must not pass come out as "[blocked]".
 *
 *   cc -std=c99 -Iinclude examples/c/redact.c -Ltarget/release -ltrueline -o redact
 *   printf 'write to jane@example.org\n' | ./redact examples/policies/chat-app.toml
 */
#include <stdio.h>
#include <string.h>

#include "trueline.h"

int main(int argc, char **argv) {
  static char line[1 << 16];
  tl_policy *policy = NULL;
  tl_filter *filter = NULL;
  tl_status status;
  if (argc != 2) {
    fprintf(stderr, "usage: %s POLICY\n", argv[0]);
    return 2;
  }
  status = tl_policy_open(argv[1], &policy);
  if (status == TL_OK) status = tl_filter_create(policy, NULL, NULL, &filter);
  tl_policy_destroy(policy);
  if (status != TL_OK) {
    fprintf(stderr, "%s: %s\n", tl_status_name(status), tl_last_error());
    return 1;
  }
  while (fgets(line, sizeof line, stdin) != NULL) {
    tl_decision *decision = NULL;
    size_t size = strcspn(line, "\n");
    line[size] = '\0';
    /* Without a decision its action reads as "block". */
    if (tl_filter_judge(filter, NULL, line, size, &decision) != TL_OK) fprintf(stderr, "%s\n", tl_last_error());
    switch (tl_decision_action(decision)) {
      case TL_ACTION_ALLOW: puts(line); break;
      case TL_ACTION_REDACT: puts(tl_decision_redacted(decision, NULL)); break;
      default: puts("[blocked]");
    }
    tl_decision_destroy(decision);
  }
  tl_filter_destroy(filter);
  return 0;
}
