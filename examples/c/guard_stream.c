/* Filters an answer while it comes: standard input in pieces of any size, cut anywhere. Prints what may be shown as soon as it may
 * be, and the decision at the end on standard error.
 *
 *   guard_stream POLICY [PACK] < answer.txt
 */
#include <stdio.h>

#include "trueline.h"

static int failed(const char *what, tl_status status) {
  fprintf(stderr, "guard_stream: %s: %s: %s\n", what, tl_status_name(status), tl_last_error());
  return 1;
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

/* Shows what was released since the last time. */
static void show(tl_stream *stream) {
  const char *text = NULL;
  size_t size = 0;
  if (tl_stream_take(stream, &text, &size) == TL_OK) fwrite(text, 1, size, stdout);
  fflush(stdout);
}

static int run(tl_stream *stream, tl_decision *decision) {
  char piece[16]; /* as small as tokens are */
  size_t size = 0;
  tl_stream_state state = {0, 0, 0, 0};
  while ((size = fread(piece, 1, sizeof piece, stdin)) > 0) {
    tl_status status = tl_stream_push(stream, piece, size, &state);
    show(stream);
    if (status != TL_OK) return failed("push", status);
    if (state.blocked) break; /* stop generating: nothing more would be shown */
  }
  (void)tl_stream_finish(stream, decision); /* whatever it returns, the decision says what to do */
  show(stream);
  fprintf(stderr, "%s, risk %.3f\n", action_word(tl_decision_action(decision)), (double)tl_decision_risk(decision));
  return tl_decision_status(decision) == TL_OK ? 0 : failed("finish", tl_decision_status(decision));
}

int main(int argc, char **argv) {
  tl_policy *policy = NULL;
  tl_pack *pack = NULL;
  tl_engine *engine = NULL;
  tl_filter *filter = NULL;
  tl_stream *stream = NULL;
  tl_decision *decision = NULL;
  tl_status status = TL_OK;
  int result = 1;
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: guard_stream POLICY [PACK] < answer.txt\n");
    return 2;
  }
  status = tl_policy_open(argv[1], &policy);
  if (status == TL_OK && argc == 3) status = tl_pack_open(argv[2], &pack);
  if (status == TL_OK && argc == 3) status = tl_engine_create(NULL, (const tl_pack *const *)&pack, 1, &engine);
  if (status == TL_OK) status = tl_filter_create(policy, engine, NULL, &filter);
  if (status == TL_OK) status = tl_stream_create(filter, NULL, &stream);
  if (status == TL_OK) status = tl_decision_create(&decision);
  result = status == TL_OK ? run(stream, decision) : failed("start", status);
  tl_decision_destroy(decision);
  tl_stream_destroy(stream);
  tl_filter_destroy(filter);
  tl_engine_destroy(engine);
  tl_pack_destroy(pack);
  tl_policy_destroy(policy);
  return result;
}
