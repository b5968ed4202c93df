/* Texts in the making, whole texts, and everything around a host's model:
 *
 *   pipeline LANGUAGE_MODEL CORRECTOR INSPECTOR
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char rules[] =
    "policy = 1\nname = \"rules\"\n"
    "[[category]]\nname = \"code\"\naction = \"redact\"\nreplacement = \"[gone]\"\n"
    "[[category]]\nname = \"word\"\naction = \"block\"\n"
    "[[regex]]\ncategory = \"code\"\npattern = \"Q[0-9]{4}\"\n"
    "[[words]]\ncategory = \"word\"\nlist = [\"forbidden\"]\n";

static uint32_t likeliest(const tl_draft *draft, float *logits, size_t n) {
  uint32_t best = 0;
  CHECK(tl_draft_logits(draft, logits, n) == TL_OK);
  for (uint32_t i = 1; i < n; i++) {
    if (logits[i] > logits[best]) best = i;
  }
  return best;
}

struct written {
  char text[4096];
  size_t size, pieces, most;
  tl_session *session;
};

static int32_t each(void *user, const char *text, size_t size) {
  struct written *to = user;
  if (to->size + size < sizeof to->text) memcpy(to->text + to->size, text, size);
  to->size += size;
  to->pieces++;
  if (to->session != NULL) { /* The session is in use: it says so, and nothing else happens. */
    CHECK_ERROR(tl_session_write(to->session, NULL, "a", 1, each, user, NULL), TL_ERR_INVALID_ARGUMENT, "in use");
  }
  return to->pieces < to->most;
}

static void drafts(const tl_engine *engine, tl_session *session) {
  tl_draft *draft = NULL, *none = (tl_draft *)&draft;
  struct written whole = {{0}, 0, 0, 1000, NULL};
  tl_write_options options = TL_WRITE_OPTIONS_INIT;
  static const char prompt[] = "the weather is";
  char spelled[4096];
  size_t n, size = 0, length, steps = 0, at = 0;
  float *logits;
  uint32_t token, first;
  int32_t ended = 7;
  CHECK(tl_draft_create(engine, NULL, &draft) == TL_OK);
  n = tl_draft_vocabulary(draft);
  CHECK(n == 4096 && tl_draft_length(draft) == 0);
  logits = calloc(n, sizeof *logits);
  CHECK(logits != NULL);
  CHECK_ERROR(tl_draft_logits(draft, logits, n), TL_ERR_INVALID_ARGUMENT, "no text");
  CHECK(tl_draft_begin(draft, prompt, strlen(prompt)) == TL_OK);
  length = tl_draft_length(draft);
  CHECK(length > 1);
  first = likeliest(draft, logits, n);
  for (token = first; !tl_draft_is_end(draft, token) && steps < 12; steps++) {
    CHECK(tl_draft_token(draft, token, spelled + at, sizeof spelled - at, &size) == TL_OK);
    at += size;
    CHECK(tl_draft_step(draft, &token, 1) == TL_OK);
    token = likeliest(draft, logits, n);
  }
  CHECK(tl_draft_length(draft) == length + steps);
  options.max_new_tokens = 12;
  whole.session = session;
  CHECK(tl_session_write(session, &options, prompt, strlen(prompt), each, &whole, &ended) == TL_OK);
  CHECK(whole.size == at && memcmp(whole.text, spelled, at) == 0 && ended == tl_draft_is_end(draft, token));
  /* Back to the prompt: the same token again. */
  CHECK(tl_draft_truncate(draft, length) == TL_OK && tl_draft_length(draft) == length);
  CHECK_ERROR(tl_draft_logits(draft, logits, n), TL_ERR_INVALID_ARGUMENT, "cut");
  CHECK(tl_draft_begin(draft, prompt, strlen(prompt)) == TL_OK && likeliest(draft, logits, n) == first);
  /* A prompt that is kept, and what is said after it: as if both had been read at once. */
  CHECK(tl_draft_append(draft, " cold", 5) == TL_OK && tl_draft_length(draft) > length);
  token = likeliest(draft, logits, n);
  CHECK(tl_draft_truncate(draft, length) == TL_OK && tl_draft_append(draft, " warm", 5) == TL_OK);
  CHECK(tl_draft_truncate(draft, length) == TL_OK && tl_draft_append(draft, " cold", 5) == TL_OK);
  CHECK(likeliest(draft, logits, n) == token);
  CHECK(tl_draft_begin(draft, "the weather is cold", 19) == TL_OK && likeliest(draft, logits, n) == token);
  CHECK_ERROR(tl_draft_append(draft, NULL, 0), TL_ERR_EMPTY_TEXT, "no token");
  CHECK_ERROR(tl_draft_append(draft, "\xff", 1), TL_ERR_UTF8, "byte 0");
  CHECK_ERROR(tl_draft_append(NULL, "a", 1), TL_ERR_NULL_ARGUMENT, "draft");
  CHECK(tl_draft_begin(draft, prompt, strlen(prompt)) == TL_OK);
  /* A search, and a callback that has enough. */
  whole.session = NULL;
  whole.pieces = whole.size = 0;
  options.beams = 3;
  CHECK(tl_session_write(session, &options, prompt, strlen(prompt), each, &whole, NULL) == TL_OK && whole.pieces == 1);
  options.beams = 1;
  whole.pieces = whole.size = 0;
  whole.most = 2;
  CHECK(tl_session_write(session, &options, prompt, strlen(prompt), each, &whole, &ended) == TL_OK);
  CHECK(whole.pieces <= 2 && ended == 0);
  /* Bad input. */
  token = (uint32_t)n;
  CHECK_ERROR(tl_draft_step(draft, &token, 1), TL_ERR_INVALID_ARGUMENT, "4096");
  CHECK_ERROR(tl_draft_step(draft, NULL, 1), TL_ERR_NULL_ARGUMENT, "tokens");
  CHECK_ERROR(tl_draft_step(draft, &token, 0), TL_ERR_INVALID_ARGUMENT, "0 tokens");
  CHECK_ERROR(tl_draft_logits(draft, logits, n - 1), TL_ERR_INVALID_ARGUMENT, "4095");
  CHECK_ERROR(tl_draft_logits(draft, NULL, n), TL_ERR_NULL_ARGUMENT, "logits");
  CHECK_ERROR(tl_draft_token(draft, first, NULL, 0, &size), TL_ERR_TOO_LARGE, "room for 0");
  CHECK(size > 0 && tl_draft_token(draft, 0, NULL, 0, &size) == TL_OK && size == 0);
  CHECK_ERROR(tl_draft_token(draft, 0, NULL, 0, NULL), TL_ERR_NULL_ARGUMENT, "out_size");
  CHECK_ERROR(tl_draft_begin(draft, "a\xff", 2), TL_ERR_UTF8, "byte 1");
  CHECK_ERROR(tl_draft_begin(NULL, "a", 1), TL_ERR_NULL_ARGUMENT, "draft");
  CHECK_ERROR(tl_draft_create(engine, "corrector-test", &none), TL_ERR_UNAVAILABLE, "edit-tagger");
  CHECK(none == NULL);
  CHECK_ERROR(tl_draft_create(engine, "nothing", &none), TL_ERR_UNAVAILABLE, "nothing");
  CHECK_ERROR(tl_draft_create(NULL, NULL, &none), TL_ERR_NULL_ARGUMENT, "engine");
  CHECK_ERROR(tl_draft_create(engine, NULL, NULL), TL_ERR_NULL_ARGUMENT, "out_draft");
  CHECK(tl_draft_vocabulary(NULL) == 0 && tl_draft_length(NULL) == 0 && tl_draft_is_end(NULL, 0) == 0);
  CHECK_ERROR(tl_draft_truncate(NULL, 0), TL_ERR_NULL_ARGUMENT, "draft");
  CHECK_ERROR(tl_session_write(session, &options, "a", 1, NULL, NULL, &ended), TL_ERR_NULL_ARGUMENT, "each");
  CHECK_ERROR(tl_session_write(NULL, NULL, "a", 1, each, &whole, &ended), TL_ERR_NULL_ARGUMENT, "session");
  options.beams = 65;
  CHECK_ERROR(tl_session_write(session, &options, "a", 1, each, &whole, &ended), TL_ERR_INVALID_ARGUMENT, "beams is 65");
  options.struct_size = 3;
  CHECK_ERROR(tl_session_write(session, &options, "a", 1, each, &whole, &ended), TL_ERR_STRUCT_SIZE, "TL_WRITE_OPTIONS_INIT");
  free(logits);
  tl_draft_destroy(draft);
  tl_draft_destroy(NULL);
}

/* A host that answers with what it is told to, a byte at a time. */
struct host {
  const char *answer;
  char asked[64];
  char shown[256];
  size_t taken;
  int32_t code;
  tl_pipeline *pipeline;
  tl_outcome *other;
};

static int32_t generate(void *user, const char *request, size_t size, tl_sink *sink) {
  struct host *host = user;
  snprintf(host->asked, sizeof host->asked, "%.*s", (int)size, request);
  for (const char *at = host->answer; *at != '\0' && tl_sink_push(sink, at, 1); at++) host->taken++;
  if (host->pipeline != NULL) {
    CHECK_ERROR(tl_pipeline_run(host->pipeline, NULL, "a", 1, generate, NULL, user, host->other), TL_ERR_INVALID_ARGUMENT,
                "in use");
    CHECK(tl_outcome_action(host->other) == TL_ACTION_BLOCK);
  }
  return host->code;
}

static int32_t show(void *user, const char *text, size_t size) {
  struct host *host = user;
  strncat(host->shown, text, size);
  return 1;
}

static int has_stage(const tl_outcome *outcome, const char *stage, const char *decision) {
  size_t n = 0, i;
  const tl_trace_step *steps = tl_outcome_trace(outcome, &n);
  for (i = 0; i < n; i++) {
    if (strcmp(steps[i].stage, stage) == 0) return decision == NULL || strcmp(steps[i].decision, decision) == 0;
  }
  return 0;
}

static void filtered(const tl_engine *engine, const tl_filter *filter) {
  tl_pipeline_config config = TL_PIPELINE_CONFIG_INIT;
  tl_pipeline_options options = TL_PIPELINE_OPTIONS_INIT;
  tl_pipeline *pipeline = NULL;
  tl_outcome *outcome = NULL, *other = NULL;
  struct host host = {0};
  size_t size = 0, n = 0;
  config.filter = filter;
  CHECK(tl_pipeline_create(engine, &config, &pipeline) == TL_OK);
  CHECK(tl_outcome_create(&outcome) == TL_OK && tl_outcome_create(&other) == TL_OK);
  CHECK(tl_outcome_action(outcome) == TL_ACTION_BLOCK && tl_outcome_trace(outcome, &n) == NULL && n == 0);
  /* Codes are redacted in what is asked, in what is shown, and in the end. */
  host.answer = "All is well with Q1234, and more of it.";
  host.pipeline = pipeline;
  host.other = other;
  CHECK(tl_pipeline_run(pipeline, NULL, "What of Q1234?", 14, generate, show, &host, outcome) == TL_OK);
  CHECK(strcmp(host.asked, "What of [gone]?") == 0 && tl_outcome_action(outcome) == TL_ACTION_REDACT);
  CHECK(strcmp(tl_outcome_text(outcome, &size), "All is well with [gone], and more of it.") == 0 && size == 40);
  CHECK(strcmp(host.shown, "All is well with [gone], and more of it.") == 0 && tl_outcome_corrected(outcome) == 0);
  CHECK(has_stage(outcome, "request_filter", "redact") && has_stage(outcome, "generate", "ok"));
  CHECK(has_stage(outcome, "answer_filter", "redact") && !has_stage(outcome, "corrector", NULL));
  /* A request that is blocked is not asked; an answer that is blocked is not shown. */
  host.pipeline = NULL;
  host.asked[0] = '\0';
  CHECK(tl_pipeline_run(pipeline, NULL, "forbidden", 9, generate, NULL, &host, outcome) == TL_OK);
  CHECK(tl_outcome_action(outcome) == TL_ACTION_BLOCK && host.asked[0] == '\0' && has_stage(outcome, "request_filter", "block"));
  host.answer = "it is forbidden.";
  host.shown[0] = '\0';
  CHECK(tl_pipeline_run(pipeline, NULL, "well?", 5, generate, show, &host, outcome) == TL_OK);
  CHECK(tl_outcome_action(outcome) == TL_ACTION_BLOCK && tl_outcome_text(outcome, &size)[0] == '\0' && size == 0);
  CHECK(strstr(host.shown, "forbidden") == NULL && has_stage(outcome, "answer_filter", "block"));
  CHECK(tl_pipeline_answer(pipeline, NULL, NULL, 0, "Q1111", 5, outcome) == TL_OK);
  CHECK(strcmp(tl_outcome_text(outcome, NULL), "[gone]") == 0);
  /* A host that fails shows nothing. */
  host.answer = "fine";
  host.code = 3;
  CHECK_ERROR(tl_pipeline_run(pipeline, NULL, "well?", 5, generate, NULL, &host, outcome), TL_ERR_HOST, "returned 3");
  CHECK(tl_outcome_action(outcome) == TL_ACTION_BLOCK && tl_outcome_text(outcome, NULL)[0] == '\0');
  host.code = 0;
  host.answer = "a\xff";
  CHECK(tl_pipeline_run(pipeline, NULL, "well?", 5, generate, NULL, &host, outcome) == TL_OK);
  CHECK(tl_outcome_action(outcome) == TL_ACTION_BLOCK && has_stage(outcome, "answer_filter", "block"));
  /* Bad input. */
  CHECK_ERROR(tl_pipeline_run(pipeline, NULL, "a\xff", 2, generate, NULL, &host, outcome), TL_ERR_UTF8, "byte 1");
  CHECK_ERROR(tl_pipeline_run(pipeline, NULL, "a", 1, NULL, NULL, &host, outcome), TL_ERR_NULL_ARGUMENT, "generate");
  CHECK_ERROR(tl_pipeline_run(NULL, NULL, "a", 1, generate, NULL, &host, outcome), TL_ERR_NULL_ARGUMENT, "pipeline");
  CHECK_ERROR(tl_pipeline_run(pipeline, NULL, "a", 1, generate, NULL, &host, NULL), TL_ERR_NULL_ARGUMENT, "outcome");
  CHECK_ERROR(tl_pipeline_answer(pipeline, NULL, NULL, 1, "a", 1, outcome), TL_ERR_NULL_ARGUMENT, "request");
  options.aligned_from = 2;
  CHECK_ERROR(tl_pipeline_answer(pipeline, &options, NULL, 0, "a", 1, outcome), TL_ERR_INVALID_ARGUMENT, "aligned_from is 2");
  options.flags = 1;
  CHECK_ERROR(tl_pipeline_answer(pipeline, &options, NULL, 0, "a", 1, outcome), TL_ERR_INVALID_ARGUMENT, "flags is 1");
  options.struct_size = 1;
  CHECK_ERROR(tl_pipeline_answer(pipeline, &options, NULL, 0, "a", 1, outcome), TL_ERR_STRUCT_SIZE, "TL_PIPELINE_OPTIONS_INIT");
  CHECK(tl_sink_push(NULL, "a", 1) == 0);
  CHECK(tl_outcome_action(NULL) == TL_ACTION_BLOCK && tl_outcome_text(NULL, &size)[0] == '\0' && size == 0);
  CHECK(tl_outcome_corrected(NULL) == 0 && tl_outcome_trace(NULL, NULL) == NULL);
  tl_outcome_destroy(other);
  tl_outcome_destroy(outcome);
  tl_outcome_destroy(NULL);
  tl_pipeline_destroy(pipeline);
  tl_pipeline_destroy(NULL);
}

static void corrected(const tl_engine *engine) {
  tl_pipeline_config config = TL_PIPELINE_CONFIG_INIT;
  tl_corrector correctors[2] = {{"corrector-test", "inspector-test"}, {"corrector-test", NULL}};
  tl_pipeline_options options = TL_PIPELINE_OPTIONS_INIT;
  tl_pipeline *pipeline = NULL, *none = (tl_pipeline *)&config;
  tl_outcome *outcome = NULL;
  struct host host = {0};
  config.correctors = correctors;
  config.n_correctors = 2;
  CHECK(tl_outcome_create(&outcome) == TL_OK);
  CHECK(tl_pipeline_create(engine, &config, &pipeline) == TL_OK);
  host.answer = "what a lovely day";
  options.aligned_from = 1; /* Nothing is good enough: the squad's corrector runs, too. */
  CHECK(tl_pipeline_run(pipeline, &options, "why?", 4, generate, show, &host, outcome) == TL_OK);
  CHECK(tl_outcome_action(outcome) == TL_ACTION_ALLOW && has_stage(outcome, "inspector", NULL));
  CHECK(has_stage(outcome, "corrector", NULL) && !has_stage(outcome, "answer_filter", NULL));
  CHECK(host.shown[0] == '\0'); /* A corrector might have changed it. */
  CHECK((strcmp(tl_outcome_text(outcome, NULL), host.answer) != 0) == tl_outcome_corrected(outcome));
  CHECK(tl_pipeline_answer(pipeline, NULL, "why?", 4, "", 0, outcome) == TL_OK);
  CHECK(tl_outcome_text(outcome, NULL)[0] == '\0' && tl_outcome_action(outcome) == TL_ACTION_ALLOW);
  correctors[0].inspector = "corrector-test";
  CHECK_ERROR(tl_pipeline_create(engine, &config, &none), TL_ERR_UNAVAILABLE, "edit-tagger");
  CHECK(none == NULL);
  correctors[0].inspector = NULL;
  correctors[0].corrector = NULL;
  CHECK_ERROR(tl_pipeline_create(engine, &config, &none), TL_ERR_NULL_ARGUMENT, "correctors[0]");
  correctors[0].corrector = "inspector-test";
  CHECK_ERROR(tl_pipeline_create(engine, &config, &none), TL_ERR_UNAVAILABLE, "answer-inspector");
  config.n_correctors = 0;
  config.rewriter = "inspector-test";
  CHECK_ERROR(tl_pipeline_create(engine, &config, &none), TL_ERR_UNAVAILABLE, "answer-inspector");
  config.rewriter = "host-lm"; /* It was not trained for this; what it says is no rewritten request. */
  CHECK(tl_pipeline_create(engine, &config, &none) == TL_OK);
  CHECK(tl_pipeline_run(none, NULL, "why?", 4, generate, NULL, &host, outcome) == TL_OK);
  CHECK(has_stage(outcome, "rewriter", "parse_failed") && strcmp(host.asked, "why?") == 0);
  config.struct_size = 1;
  tl_pipeline_destroy(none);
  CHECK_ERROR(tl_pipeline_create(engine, &config, &none), TL_ERR_STRUCT_SIZE, "TL_PIPELINE_CONFIG_INIT");
  CHECK_ERROR(tl_pipeline_create(NULL, NULL, &none), TL_ERR_NULL_ARGUMENT, "engine");
  CHECK_ERROR(tl_pipeline_create(engine, NULL, NULL), TL_ERR_NULL_ARGUMENT, "out_pipeline");
  CHECK_ERROR(tl_outcome_create(NULL), TL_ERR_NULL_ARGUMENT, "out_outcome");
  tl_outcome_destroy(outcome);
  tl_pipeline_destroy(pipeline);
}

int main(int argc, char **argv) {
  const tl_pack *packs[3] = {NULL, NULL, NULL};
  tl_pack *opened[3] = {NULL, NULL, NULL};
  tl_engine *engine = NULL;
  tl_session *session = NULL;
  tl_policy *policy = NULL;
  tl_filter *filter = NULL;
  if (argc != 4) return 2;
  for (int i = 0; i < 3; i++) {
    CHECK(tl_pack_open(argv[i + 1], &opened[i]) == TL_OK);
    packs[i] = opened[i];
  }
  CHECK(tl_engine_create(NULL, packs, 3, &engine) == TL_OK);
  CHECK(tl_session_create(engine, NULL, &session) == TL_OK);
  CHECK(tl_policy_parse("rules", rules, strlen(rules), &policy) == TL_OK);
  CHECK(tl_filter_create(policy, NULL, NULL, &filter) == TL_OK);
  drafts(engine, session);
  filtered(engine, filter);
  corrected(engine);
  tl_filter_destroy(filter);
  tl_policy_destroy(policy);
  tl_session_destroy(session);
  tl_engine_destroy(engine);
  for (int i = 0; i < 3; i++) tl_pack_destroy(opened[i]);
  return check_end("pipeline");
}
