/* Redacts a text by a policy of rules alone: no pack, no model. Prints the text that may be shown, and each finding with its place
 * in bytes, in UTF-16 units and in code points on standard error.
 *
 *   redact POLICY TEXT
 */
#include <stdio.h>
#include <string.h>

#include "trueline.h"

static int failed(const char *what, tl_status status) {
  fprintf(stderr, "redact: %s: %s: %s\n", what, tl_status_name(status), tl_last_error());
  return 1;
}

static void print_findings(const tl_decision *decision, const char *text) {
  for (size_t i = 0; i < tl_decision_finding_count(decision); i++) {
    tl_finding finding;
    tl_place from, to;
    if (tl_decision_finding(decision, i, &finding) != TL_OK) continue;
    if (tl_text_place(text, strlen(text), finding.start, &from) != TL_OK) continue;
    if (tl_text_place(text, strlen(text), finding.end, &to) != TL_OK) continue;
    fprintf(stderr, "%s: bytes %zu-%zu, UTF-16 %zu-%zu, code points %zu-%zu\n", finding.category, from.byte, to.byte,
            from.utf16, to.utf16, from.code_point, to.code_point);
  }
}

static int redact(const tl_filter *filter, tl_decision *decision, const char *text) {
  size_t size = 0;
  const char *redacted = NULL;
  tl_status status = tl_filter_judge(filter, NULL, text, strlen(text), decision);
  if (status != TL_OK) return failed("judge", status);
  print_findings(decision, text);
  switch (tl_decision_action(decision)) {
    case TL_ACTION_ALLOW: printf("%s\n", text); return 0;
    case TL_ACTION_REDACT:
      redacted = tl_decision_redacted(decision, &size);
      printf("%.*s\n", (int)size, redacted);
      return 0;
    default: fprintf(stderr, "not to be shown\n"); return 3;
  }
}

int main(int argc, char **argv) {
  tl_policy *policy = NULL;
  tl_filter *filter = NULL;
  tl_decision *decision = NULL;
  tl_status status = TL_OK;
  int result = 1;
  if (argc != 3) {
    fprintf(stderr, "usage: redact POLICY TEXT\n");
    return 2;
  }
  status = tl_policy_open(argv[1], &policy);
  if (status == TL_OK) status = tl_filter_create(policy, NULL, NULL, &filter);
  if (status == TL_OK) status = tl_decision_create(&decision);
  result = status == TL_OK ? redact(filter, decision, argv[2]) : failed("start", status);
  tl_decision_destroy(decision);
  tl_filter_destroy(filter);
  tl_policy_destroy(policy);
  return result;
}
