/* Policies, one text, streams cut everywhere, records, places; with rules alone and with a pack.
 *
 *   filter PACK POLICY_FILE
 */
#include <stdlib.h>

#include "check.h"

static const char rules[] =
    "policy = 1\nname = \"rules\"\n"
    "[[category]]\nname = \"code\"\naction = \"redact\"\nreplacement = \"[gone]\"\n"
    "[[category]]\nname = \"word\"\naction = \"block\"\n"
    "[[regex]]\ncategory = \"code\"\npattern = \"Q[0-9]{4}\"\n"
    "[[words]]\ncategory = \"word\"\nlist = [\"forbidden\"]\n";

static void one_text(const tl_filter *filter, tl_decision *decision) {
  static const char clear[] = "nothing here", code[] = "gr\xc3\xbc\xc3\x9f Q1234 and Q5678!";
  static const char word[] = "it is f o r b i d d e n";
  uint8_t record[TL_RECORD_BYTES], again[TL_RECORD_BYTES];
  tl_category category;
  tl_finding finding;
  tl_place place;
  size_t size = 1;
  const char *redacted = NULL;
  CHECK(tl_filter_judge(filter, NULL, clear, strlen(clear), decision) == TL_OK);
  CHECK(tl_decision_action(decision) == TL_ACTION_ALLOW && tl_decision_risk(decision) == 0);
  CHECK(tl_decision_reason(decision) == TL_REASON_CLEAR && tl_decision_status(decision) == TL_OK);
  CHECK(tl_decision_message(decision)[0] == '\0' && tl_decision_finding_count(decision) == 0);
  CHECK(tl_decision_redacted(decision, &size)[0] == '\0' && size == 0);
  CHECK(tl_filter_judge(filter, NULL, code, strlen(code), decision) == TL_OK);
  CHECK(tl_decision_action(decision) == TL_ACTION_REDACT && tl_decision_reason(decision) == TL_REASON_FLAGGED);
  CHECK(tl_decision_category_count(decision) == 2);
  CHECK(tl_decision_category(decision, 0, &category) == TL_OK && strcmp(category.name, "code") == 0);
  CHECK(category.flagged == 1 && category.score == 1);
  CHECK(tl_decision_finding_count(decision) == 2 && tl_decision_finding(decision, 1, &finding) == TL_OK);
  CHECK(finding.start == 17 && finding.end == 22 && finding.found_by == TL_FOUND_BY_RULE && finding.hidden == 0);
  CHECK(tl_text_place(code, strlen(code), finding.start, &place) == TL_OK);
  CHECK(place.byte == 17 && place.utf16 == 15 && place.code_point == 15);
  redacted = tl_decision_redacted(decision, &size);
  CHECK(size == strlen("gr\xc3\xbc\xc3\x9f [gone] and [gone]!"));
  CHECK(memcmp(redacted, "gr\xc3\xbc\xc3\x9f [gone] and [gone]!", size) == 0);
  CHECK(tl_decision_record(decision, 0, record, sizeof record) == TL_OK);
  CHECK(tl_filter_judge(filter, NULL, word, strlen(word), decision) == TL_OK);
  CHECK(tl_decision_action(decision) == TL_ACTION_BLOCK && tl_decision_redacted(decision, NULL)[0] == '\0');
  CHECK(tl_filter_judge(filter, NULL, code, strlen(code), decision) == TL_OK);
  CHECK(tl_decision_record(decision, 0, again, sizeof again) == TL_OK);
  CHECK(memcmp(record, again, sizeof record) == 0); /* the same text, the same record */
}

/* Streams of every cut: what is released is never more than may be, and the end is that of the whole text. */
static void streams(const tl_filter *filter, tl_decision *decision) {
  static const char text[] = "One: Q1234, and gr\xc3\xbc\xc3\x9f" "e to all. Q5678 ends it.";
  static const char want[] = "One: [gone], and gr\xc3\xbc\xc3\x9f" "e to all. [gone] ends it.";
  for (size_t cut = 1; cut < strlen(text); cut++) {
    char shown[200];
    size_t n = 0, last = 0, size = 0;
    const char *part = NULL;
    tl_stream *stream = NULL;
    tl_stream_state state;
    CHECK(tl_stream_create(filter, NULL, &stream) == TL_OK);
    for (size_t at = 0; at < strlen(text); at += cut) {
      size_t left = strlen(text) - at;
      CHECK(tl_stream_push(stream, text + at, left < cut ? left : cut, &state) == TL_OK);
      CHECK(state.received >= state.released && state.released >= last && !state.blocked && !state.finished);
      last = state.released;
      CHECK(tl_stream_take(stream, &part, &size) == TL_OK && n + size < sizeof shown);
      memcpy(shown + n, part, size);
      n += size;
    }
    CHECK(tl_stream_finish(stream, decision) == TL_OK && tl_decision_action(decision) == TL_ACTION_REDACT);
    CHECK(tl_decision_finding_count(decision) == 2);
    CHECK(tl_stream_take(stream, &part, &size) == TL_OK && n + size < sizeof shown);
    memcpy(shown + n, part, size);
    n += size;
    CHECK(n == strlen(want) && memcmp(shown, want, n) == 0);
    CHECK(tl_stream_poll(stream, &state) == TL_OK && state.finished && state.released == strlen(text));
    CHECK_ERROR(tl_stream_push(stream, "x", 1, &state), TL_ERR_INVALID_ARGUMENT, "");
    tl_stream_destroy(stream);
  }
}

static void blocked(const tl_filter *filter, tl_decision *decision) {
  static const char text[] = "This is forbidden here, and so on and on and on.";
  tl_stream *stream = NULL;
  tl_stream_state state;
  const char *part = NULL;
  size_t size = 1;
  CHECK(tl_stream_create(filter, NULL, &stream) == TL_OK);
  CHECK(tl_stream_push(stream, text, strlen(text), &state) == TL_OK && state.blocked && state.released <= 8);
  CHECK(tl_stream_finish(stream, decision) == TL_OK && tl_decision_action(decision) == TL_ACTION_BLOCK);
  CHECK(tl_stream_take(stream, &part, &size) == TL_OK && size <= 8);
  tl_stream_destroy(stream);
  CHECK(tl_stream_create(filter, NULL, &stream) == TL_OK);
  CHECK_ERROR(tl_stream_push(stream, "a\xff z", 4, &state), TL_ERR_UTF8, "byte 1");
  CHECK(state.blocked);
  CHECK(tl_stream_finish(stream, decision) == TL_ERR_UTF8 && tl_decision_action(decision) == TL_ACTION_BLOCK);
  CHECK(tl_decision_risk(decision) == 1 && tl_decision_reason(decision) == TL_REASON_FAILED);
  CHECK(strstr(tl_decision_message(decision), "byte 1") != NULL);
  tl_stream_destroy(stream);
}

static void refusals(const tl_policy *policy, const tl_filter *filter, tl_decision *decision) {
  static const char wrong[] = "policy = 1\n[[category]]\nname = \"x\"\nactoin = \"block\"\n";
  tl_policy *other = NULL;
  tl_filter *bound = NULL;
  tl_stream *stream = NULL;
  tl_stream_state state = {0, 0, 0, 0};
  tl_filter_options options = TL_FILTER_OPTIONS_INIT;
  tl_category category;
  tl_finding finding;
  tl_place place;
  uint8_t record[TL_RECORD_BYTES];
  const char *part = NULL;
  size_t size = 0;
  CHECK_ERROR(tl_policy_parse("mine", wrong, strlen(wrong), &other), TL_ERR_INVALID_ARGUMENT, "line 4");
  CHECK(other == NULL);
  CHECK_ERROR(tl_policy_open("/nowhere/policy.toml", &other), TL_ERR_IO, "nowhere");
  CHECK_ERROR(tl_policy_open(NULL, &other), TL_ERR_NULL_ARGUMENT, "path");
  CHECK_ERROR(tl_policy_parse(NULL, "\xff", 1, &other), TL_ERR_UTF8, "byte 0");
  CHECK(strlen(tl_policy_sha256(policy)) == 64 && strcmp(tl_policy_name(policy), "rules") == 0);
  CHECK(tl_policy_sha256(NULL)[0] == '\0' && tl_policy_name(NULL)[0] == '\0');
  CHECK_ERROR(tl_filter_create(NULL, NULL, NULL, &bound), TL_ERR_NULL_ARGUMENT, "policy");
  CHECK_ERROR(tl_filter_judge(NULL, NULL, "a", 1, decision), TL_ERR_NULL_ARGUMENT, "filter");
  CHECK(tl_decision_action(decision) == TL_ACTION_BLOCK && tl_decision_risk(decision) == 1);
  CHECK(tl_decision_category_count(decision) == 0 && tl_decision_status(decision) == TL_ERR_NULL_ARGUMENT);
  CHECK_ERROR(tl_decision_record(decision, 0, record, sizeof record), TL_ERR_INVALID_ARGUMENT, "no filter");
  CHECK(tl_filter_judge(filter, NULL, NULL, 0, decision) == TL_OK); /* nothing was said, and nothing was found */
  CHECK(tl_decision_action(decision) == TL_ACTION_ALLOW && tl_decision_risk(decision) == 0);
  CHECK_ERROR(tl_filter_judge(filter, NULL, "ab\xff", 3, decision), TL_ERR_UTF8, "byte 2");
  CHECK(tl_decision_action(decision) == TL_ACTION_BLOCK && tl_decision_reason(decision) == TL_REASON_FAILED);
  options.role = 9;
  CHECK_ERROR(tl_filter_judge(filter, &options, "a", 1, decision), TL_ERR_INVALID_ARGUMENT, "role is 9");
  options.role = 0;
  options.flags = 1;
  CHECK_ERROR(tl_stream_create(filter, &options, &stream), TL_ERR_INVALID_ARGUMENT, "flags");
  CHECK(stream == NULL);
  CHECK_ERROR(tl_decision_record(decision, 0, record, 10), TL_ERR_INVALID_ARGUMENT, "640");
  CHECK_ERROR(tl_decision_category(decision, 0, &category), TL_ERR_INVALID_ARGUMENT, "there are 0");
  CHECK(category.flagged == 1 && category.score == 1);
  CHECK_ERROR(tl_decision_finding(decision, 5, &finding), TL_ERR_INVALID_ARGUMENT, "finding 5");
  CHECK_ERROR(tl_text_place("abc", 3, 4, &place), TL_ERR_INVALID_ARGUMENT, "3 bytes");
  CHECK_ERROR(tl_stream_push(NULL, "a", 1, &state), TL_ERR_NULL_ARGUMENT, "stream");
  CHECK(state.blocked == 1);
  CHECK_ERROR(tl_stream_poll(NULL, NULL), TL_ERR_NULL_ARGUMENT, "out_state");
  CHECK_ERROR(tl_stream_take(NULL, &part, &size), TL_ERR_NULL_ARGUMENT, "stream");
  CHECK_ERROR(tl_stream_finish(NULL, decision), TL_ERR_NULL_ARGUMENT, "stream");
  CHECK_ERROR(tl_decision_create(NULL), TL_ERR_NULL_ARGUMENT, "out_decision");
  CHECK(tl_decision_action(NULL) == TL_ACTION_BLOCK && tl_decision_risk(NULL) == 1);
  CHECK(tl_decision_status(NULL) == TL_ERR_NULL_ARGUMENT && tl_decision_reason(NULL) == TL_REASON_FAILED);
  tl_policy_destroy(NULL);
  tl_filter_destroy(NULL);
  tl_stream_destroy(NULL);
  tl_decision_destroy(NULL);
}

/* The policy file that ships, on a pack. */
static void with_pack(const char *path, const char *file, tl_decision *decision) {
  static const char text[] = "Write to anna@example.org, please.";
  tl_pack *pack = NULL;
  tl_engine *engine = NULL;
  tl_policy *policy = NULL;
  tl_filter *filter = NULL;
  tl_filter_options options = TL_FILTER_OPTIONS_INIT;
  CHECK(tl_pack_open(path, &pack) == TL_OK);
  CHECK(tl_engine_create(NULL, (const tl_pack *const *)&pack, 1, &engine) == TL_OK);
  CHECK(tl_policy_open(file, &policy) == TL_OK);
  CHECK_ERROR(tl_filter_create(policy, engine, "absent", &filter), TL_ERR_UNAVAILABLE, "absent");
  CHECK(filter == NULL);
  CHECK(tl_filter_create(policy, engine, NULL, &filter) == TL_OK);
  tl_policy_destroy(policy);
  tl_engine_destroy(engine);
  tl_pack_destroy(pack);
  options.role = TL_ROLE_USER;
  options.language = "en";
  CHECK(tl_filter_judge(filter, &options, text, strlen(text), decision) == TL_OK);
  CHECK(tl_decision_category_count(decision) > 0 && tl_decision_finding_count(decision) > 0);
  tl_filter_destroy(filter);
}

int main(int argc, char **argv) {
  tl_policy *policy = NULL;
  tl_filter *filter = NULL;
  tl_decision *decision = NULL;
  if (argc != 3) return 2;
  CHECK(tl_policy_parse("rules", rules, strlen(rules), &policy) == TL_OK);
  CHECK(tl_filter_create(policy, NULL, NULL, &filter) == TL_OK);
  CHECK(tl_decision_create(&decision) == TL_OK);
  CHECK(tl_decision_action(decision) == TL_ACTION_BLOCK && tl_decision_reason(decision) == TL_REASON_FAILED);
  if (check_failed == 0) {
    one_text(filter, decision);
    streams(filter, decision);
    blocked(filter, decision);
    refusals(policy, filter, decision);
    with_pack(argv[1], argv[2], decision);
  }
  tl_decision_destroy(decision);
  tl_filter_destroy(filter);
  tl_policy_destroy(policy);
  return check_end("filter");
}
