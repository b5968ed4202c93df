/* Policies, filters, decisions, streams: the main job and misuse, without a pack and with one.
 *
 *   filter PACK_FOLDER POLICY_FILE
 */
#include "check.h"

static const char rules[] =
    "policy = 1\nname = \"rules\"\n"
    "[[category]]\nname = \"insult\"\naction = \"block\"\n"
    "[[category]]\nname = \"contact\"\naction = \"redact\"\n"
    "[[words]]\ncategory = \"insult\"\nlist = [\"grobian\"]\n"
    "[[pii]]\ncategory = \"contact\"\nkinds = [\"email\"]\n";

static int judge(const tl_filter *filter, const char *text) {
  tl_decision *decision = NULL;
  int action = 0;
  CHECK(tl_filter_judge(filter, NULL, text, strlen(text), &decision) == TL_OK);
  action = tl_decision_action(decision);
  tl_decision_destroy(decision);
  return action;
}

static void one_text(const tl_filter *filter) {
  static const char text[] = "\xc3\xa9\xf0\x9f\x98\x80 to a@b.org";
  tl_filter_options options = TL_FILTER_OPTIONS_INIT;
  tl_decision *decision = NULL;
  tl_decision_span span;
  tl_record record;
  size_t size = 0;
  options.language = "en";
  options.role = TL_ROLE_USER;
  CHECK(judge(filter, "good day") == TL_ACTION_ALLOW && judge(filter, "you gr0bian") == TL_ACTION_BLOCK);
  CHECK(tl_filter_judge(filter, &options, text, strlen(text), &decision) == TL_OK);
  CHECK(tl_decision_action(decision) == TL_ACTION_REDACT && tl_decision_risk(decision) == 1);
  CHECK(tl_decision_reason(decision) == TL_REASON_FLAGGED && tl_decision_status(decision) == TL_OK);
  CHECK(tl_decision_message(decision)[0] == '\0' && tl_decision_span_count(decision) == 1);
  CHECK(tl_decision_get_span(decision, 0, &span) == TL_OK);
  CHECK(span.start == 10 && span.end == 17 && span.utf16_start == 7 && span.utf16_end == 14);
  CHECK(span.code_point_start == 6 && span.code_point_end == 13 && span.by_rule == 1);
  CHECK(strcmp(span.category, "contact") == 0);
  CHECK(strcmp(tl_decision_redacted(decision, &size), "\xc3\xa9\xf0\x9f\x98\x80 to [contact]") == 0 && size == 19);
  CHECK(tl_decision_redacted(decision, NULL) != NULL);
  CHECK(tl_decision_record(decision, &record) == TL_OK);
  CHECK(record.action == (uint32_t)TL_ACTION_REDACT && record.text_bytes == strlen(text));
  CHECK(record.n_flagged == 1 && strcmp(record.categories[0].name, "contact") == 0);
  CHECK(strcmp(record.language, "en") == 0 && record.categories[0].start == 10);
  CHECK_ERROR(tl_decision_get_span(decision, 1, &span), TL_ERR_INVALID_ARGUMENT, "span 1 is not there; there are 1");
  CHECK(span.start == 0 && span.end == 0 && span.score == 1);
  tl_decision_destroy(decision);
  CHECK(tl_filter_judge(filter, NULL, "\xff", 1, &decision) == TL_OK);
  CHECK(tl_decision_action(decision) == TL_ACTION_BLOCK && tl_decision_status(decision) == TL_ERR_UTF8);
  CHECK(strstr(tl_decision_message(decision), "byte 0") != NULL && tl_decision_redacted(decision, &size) == NULL);
  CHECK(size == 0);
  tl_decision_destroy(decision);
}

static void streams(const tl_filter *filter) {
  static const char text[] = "a word and a word and a word and a word, then a@b.org and more words after it, and more, "
                             "so many that the first of them can go, on and on and on and on and on and on and on and on "
                             "and on and on and on and on and on and on and on and on and on and on and on and on and on "
                             "and on and on and on and on and on and on and on and on and on and on and on and on and on";
  char shown[sizeof text + 16];
  size_t n_shown = 0, last = 0;
  tl_stream *stream = NULL;
  tl_stream_state state;
  tl_decision *decision = NULL;
  CHECK(tl_stream_create(filter, NULL, &stream) == TL_OK);
  for (size_t i = 0; i < strlen(text); i++) {
    CHECK(tl_stream_push(stream, text + i, 1) == TL_OK);
    CHECK(tl_stream_poll(stream, &state) == TL_OK);
    CHECK(state.released >= last && state.released <= state.received && !state.blocked && !state.finished);
    last = state.released;
    memcpy(shown + n_shown, state.text, state.text_size);
    n_shown += state.text_size;
  }
  CHECK(last > 0 && last < strlen(text));
  CHECK(tl_stream_finish(stream, &decision) == TL_OK && tl_decision_action(decision) == TL_ACTION_REDACT);
  CHECK(tl_stream_poll(stream, &state) == TL_OK && state.finished && state.released == strlen(text));
  memcpy(shown + n_shown, state.text, state.text_size + 1);
  CHECK(strcmp(shown, tl_decision_redacted(decision, NULL)) == 0 && strstr(shown, "then [contact] and") != NULL);
  tl_decision_destroy(decision);
  CHECK_ERROR(tl_stream_push(stream, "x", 1), TL_ERR_INVALID_ARGUMENT, "the stream has ended");
  tl_stream_destroy(stream);

  CHECK(tl_stream_create(filter, NULL, &stream) == TL_OK);
  CHECK(tl_stream_push(stream, "you gro", 7) == TL_OK && tl_stream_push(stream, "bian, you", 9) == TL_OK);
  CHECK(tl_stream_poll(stream, &state) == TL_OK && state.blocked && state.released == 0);
  CHECK(tl_stream_finish(stream, &decision) == TL_OK && tl_decision_action(decision) == TL_ACTION_BLOCK);
  tl_decision_destroy(decision);
  tl_stream_destroy(stream);

  CHECK(tl_stream_create(filter, NULL, &stream) == TL_OK);
  CHECK(tl_stream_push(stream, "\xf0\x9f", 2) == TL_OK);
  CHECK_ERROR(tl_stream_push(stream, "x", 1), TL_ERR_UTF8, "byte 0");
  CHECK(tl_stream_finish(stream, &decision) == TL_OK && tl_decision_status(decision) == TL_ERR_UTF8);
  tl_decision_destroy(decision);
  tl_stream_destroy(stream);
}

static void misuse(const tl_policy *policy, const tl_filter *filter) {
  tl_policy *none = NULL;
  tl_filter *no_filter = NULL;
  tl_stream *no_stream = NULL;
  tl_decision *decision = NULL;
  tl_decision_span span;
  tl_record record;
  tl_stream_state state;
  tl_filter_options options = TL_FILTER_OPTIONS_INIT;
  CHECK_ERROR(tl_policy_open(NULL, &none), TL_ERR_NULL_ARGUMENT, "path");
  CHECK_ERROR(tl_policy_open("/nowhere/p.toml", &none), TL_ERR_IO, "/nowhere/p.toml");
  CHECK_ERROR(tl_policy_open("p", NULL), TL_ERR_NULL_ARGUMENT, "out_policy");
  CHECK_ERROR(tl_policy_parse("mine", "policy = 1\nname = 2\n", 20, &none), TL_ERR_INVALID_ARGUMENT, "policy mine, line 2");
  CHECK_ERROR(tl_policy_parse(NULL, NULL, 4, &none), TL_ERR_NULL_ARGUMENT, "text");
  CHECK_ERROR(tl_policy_parse(NULL, "\xff", 1, &none), TL_ERR_UTF8, "byte 0");
  CHECK(none == NULL && tl_policy_name(NULL)[0] == '\0' && tl_policy_sha256(NULL)[0] == '\0');
  CHECK_ERROR(tl_filter_create(NULL, NULL, NULL, &no_filter), TL_ERR_NULL_ARGUMENT, "policy");
  CHECK_ERROR(tl_filter_create(policy, NULL, NULL, NULL), TL_ERR_NULL_ARGUMENT, "out_filter");
  CHECK_ERROR(tl_filter_judge(NULL, NULL, "a", 1, &decision), TL_ERR_NULL_ARGUMENT, "filter");
  CHECK_ERROR(tl_filter_judge(filter, NULL, NULL, 1, &decision), TL_ERR_NULL_ARGUMENT, "text");
  CHECK_ERROR(tl_filter_judge(filter, NULL, "a", 1, NULL), TL_ERR_NULL_ARGUMENT, "out_decision");
  options.role = 9;
  CHECK_ERROR(tl_filter_judge(filter, &options, "a", 1, &decision), TL_ERR_INVALID_ARGUMENT, "role is 9");
  options.role = 0;
  options.reserved = 1;
  CHECK_ERROR(tl_stream_create(filter, &options, &no_stream), TL_ERR_INVALID_ARGUMENT, "reserved is 1");
  options.struct_size = 0;
  CHECK_ERROR(tl_filter_judge(filter, &options, "a", 1, &decision), TL_ERR_STRUCT_SIZE, "TL_FILTER_OPTIONS_INIT");
  CHECK(decision == NULL && no_filter == NULL && no_stream == NULL);
  CHECK(tl_decision_action(NULL) == TL_ACTION_BLOCK && tl_decision_risk(NULL) == 1);
  CHECK(tl_decision_reason(NULL) == TL_REASON_FAILED && tl_decision_status(NULL) == TL_ERR_NULL_ARGUMENT);
  CHECK(tl_decision_message(NULL)[0] == '\0' && tl_decision_span_count(NULL) == 0);
  CHECK(tl_decision_redacted(NULL, NULL) == NULL);
  CHECK_ERROR(tl_decision_get_span(NULL, 0, &span), TL_ERR_NULL_ARGUMENT, "decision");
  CHECK_ERROR(tl_decision_record(NULL, &record), TL_ERR_NULL_ARGUMENT, "decision");
  CHECK(record.action == (uint32_t)TL_ACTION_BLOCK && record.risk == 1);
  CHECK_ERROR(tl_stream_create(NULL, NULL, &no_stream), TL_ERR_NULL_ARGUMENT, "filter");
  CHECK_ERROR(tl_stream_push(NULL, "a", 1), TL_ERR_NULL_ARGUMENT, "stream");
  CHECK_ERROR(tl_stream_poll(NULL, &state), TL_ERR_NULL_ARGUMENT, "stream");
  CHECK(state.blocked == 1 && state.released == 0 && state.text_size == 0 && state.text[0] == '\0');
  CHECK_ERROR(tl_stream_finish(NULL, &decision), TL_ERR_NULL_ARGUMENT, "stream");
  tl_policy_destroy(NULL);
  tl_filter_destroy(NULL);
  tl_decision_destroy(NULL);
  tl_stream_destroy(NULL);
}

static void with_pack(const char *folder) {
  static const char text[] = "policy = 1\nname = \"scores\"\n[[category]]\nname = \"toxicity\"\nthreshold = 0.0\n";
  tl_pack *pack = NULL;
  tl_engine *engine = NULL;
  tl_policy *policy = NULL;
  tl_filter *filter = NULL;
  CHECK(tl_pack_open(folder, &pack) == TL_OK);
  CHECK(tl_engine_create(NULL, (const tl_pack *const *)&pack, 1, &engine) == TL_OK);
  CHECK(tl_policy_parse(NULL, text, strlen(text), &policy) == TL_OK);
  CHECK_ERROR(tl_filter_create(policy, NULL, NULL, &filter), TL_ERR_INVALID_ARGUMENT, "nothing finds the category toxicity");
  CHECK_ERROR(tl_filter_create(policy, engine, "absent", &filter), TL_ERR_UNAVAILABLE, "absent");
  CHECK(tl_filter_create(policy, engine, NULL, &filter) == TL_OK);
  tl_policy_destroy(policy);
  tl_engine_destroy(engine);
  tl_pack_destroy(pack);
  CHECK(judge(filter, "What is the capital of France?") == TL_ACTION_BLOCK);
  tl_filter_destroy(filter);
}

int main(int argc, char **argv) {
  tl_policy *policy = NULL;
  tl_filter *filter = NULL;
  if (argc != 3) return 2;
  CHECK(tl_policy_open(argv[2], &policy) == TL_OK && tl_policy_name(policy)[0] != '\0');
  tl_policy_destroy(policy);
  CHECK(tl_policy_parse("rules", rules, strlen(rules), &policy) == TL_OK);
  CHECK(strcmp(tl_policy_name(policy), "rules") == 0 && strlen(tl_policy_sha256(policy)) == 64);
  CHECK(tl_filter_create(policy, NULL, NULL, &filter) == TL_OK);
  one_text(filter);
  streams(filter);
  misuse(policy, filter);
  tl_policy_destroy(policy);
  tl_filter_destroy(filter);
  with_pack(argv[1]);
  return check_end("filter");
}
