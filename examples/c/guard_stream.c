/* Shows a text as it comes, piece by piece, and stops where the policy says so: what a chat window does with a model's
 * output. Pieces are cut anywhere, here after every seventh byte of standard input.
 *
 *   cc -std=c99 -Iinclude examples/c/guard_stream.c -Ltarget/release -ltrueline -o guard_stream
 *   ./guard_stream examples/policies/chat-app.toml < answer.txt
 */
#include <stdio.h>

#include "trueline.h"

/* Shows what was released since the last time; gives whether the stream goes on. */
static int show(tl_stream *stream) {
  tl_stream_state state;
  if (tl_stream_poll(stream, &state) != TL_OK) return 0;
  fwrite(state.text, 1, state.text_size, stdout);
  fflush(stdout);
  return !state.blocked;
}

int main(int argc, char **argv) {
  char piece[7];
  size_t size;
  tl_policy *policy = NULL;
  tl_filter *filter = NULL;
  tl_stream *stream = NULL;
  tl_decision *decision = NULL;
  tl_status status;
  int passed;
  if (argc != 2) {
    fprintf(stderr, "usage: %s POLICY\n", argv[0]);
    return 2;
  }
  status = tl_policy_open(argv[1], &policy);
  if (status == TL_OK) status = tl_filter_create(policy, NULL, NULL, &filter);
  if (status == TL_OK) status = tl_stream_create(filter, NULL, &stream);
  while (status == TL_OK && (size = fread(piece, 1, sizeof piece, stdin)) > 0) {
    status = tl_stream_push(stream, piece, size);
    if (status == TL_OK && !show(stream)) break;
  }
  if (status != TL_OK) fprintf(stderr, "%s: %s\n", tl_status_name(status), tl_last_error());
  if (stream != NULL && tl_stream_finish(stream, &decision) == TL_OK) show(stream);
  passed = tl_decision_action(decision) == TL_ACTION_ALLOW || tl_decision_action(decision) == TL_ACTION_REDACT;
  puts(passed ? "" : "\n[stopped]");
  tl_decision_destroy(decision);
  tl_stream_destroy(stream);
  tl_filter_destroy(filter);
  tl_policy_destroy(policy);
  return passed ? 0 : 1;
}
