/* Answers inspected and corrected, and a cascade, through C: argv[1] a corrector pack, argv[2] an inspector pack beside it,
 * argv[3] a guard, argv[4] a guard that looks first for it. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "trueline.h"

static const char *const texts[] = {"what a lovely day", "you are a silly fool", "This is a stupid, ugly mess. Go away!",
                                    "damn it all, you idiot"};

/* The text with the edits applied; the caller frees it. */
static char *applied(const char *text, const tl_edit *edits, size_t n) {
  size_t room = strlen(text) + 1, at = 0, i;
  char *out;
  for (i = 0; i < n; i++) room += edits[i].replacement_size;
  out = calloc(room, 1);
  for (i = 0; out != NULL && i < n; i++) {
    strncat(out, text + at, edits[i].start - at);
    strncat(out, edits[i].replacement, edits[i].replacement_size);
    CHECK(edits[i].replacement[edits[i].replacement_size] == '\0');
    at = edits[i].end;
  }
  if (out != NULL) strcat(out, text + at);
  return out;
}

static void one(tl_session *session, tl_correction *correction, const char *text, int *changed) {
  size_t size = 0, n = 99;
  const tl_edit *edits;
  const char *found;
  char *made;
  CHECK(tl_session_correct(session, NULL, "why?", 4, text, strlen(text), correction) == TL_OK);
  found = tl_correction_text(correction, &size);
  CHECK(strlen(found) == size && tl_correction_reason(correction)[0] != '\0');
  CHECK(tl_correction_changed(correction) == (strcmp(found, text) != 0));
  CHECK(tl_correction_status(correction) == TL_OK);
  CHECK(tl_correction_copy_ratio(correction) >= 0 && tl_correction_copy_ratio(correction) <= 1);
  if (tl_correction_changed(correction)) {
    CHECK(tl_correction_accepted(correction) == 1 && strcmp(tl_correction_reason(correction), "accepted") == 0);
    ++*changed;
  }
  edits = tl_correction_edits(correction, &n);
  CHECK((edits == NULL) == (n == 0) && (n > 0) == tl_correction_changed(correction));
  made = applied(text, edits, n);
  CHECK(made != NULL && strcmp(made, found) == 0);
  free(made);
}

static void misuse(tl_session *session, tl_session *inspecting, tl_correction *correction) {
  tl_correct_options options = TL_CORRECT_OPTIONS_INIT;
  double aligned = 7;
  size_t size = 7;
  CHECK_ERROR(tl_session_correct(session, NULL, NULL, 0, "", 0, correction), TL_ERR_EMPTY_TEXT, "0 bytes");
  CHECK(tl_correction_text(correction, &size)[0] == '\0' && size == 0);
  CHECK(tl_correction_reason(correction)[0] == '\0' && tl_correction_accepted(correction) == 0);
  CHECK(tl_correction_copy_ratio(correction) < 0 && tl_correction_edits(correction, &size) == NULL && size == 0);
  CHECK_ERROR(tl_session_correct(session, NULL, NULL, 0, "a\xff", 2, correction), TL_ERR_UTF8, "byte 1");
  CHECK_ERROR(tl_session_correct(session, NULL, NULL, 4, "a", 1, correction), TL_ERR_NULL_ARGUMENT, "question");
  CHECK_ERROR(tl_session_correct(inspecting, NULL, NULL, 0, "a", 1, correction), TL_ERR_UNAVAILABLE, "answer-inspector");
  CHECK_ERROR(tl_session_correct(NULL, NULL, NULL, 0, "a", 1, correction), TL_ERR_NULL_ARGUMENT, "session");
  CHECK_ERROR(tl_session_correct(session, NULL, NULL, 0, "a", 1, NULL), TL_ERR_NULL_ARGUMENT, "correction");
  options.max_rounds = 9;
  CHECK_ERROR(tl_session_correct(session, &options, NULL, 0, "a", 1, correction), TL_ERR_INVALID_ARGUMENT, "max_rounds is 9");
  options.max_rounds = 2;
  options.margin = -1;
  CHECK_ERROR(tl_session_correct(session, &options, NULL, 0, "a", 1, correction), TL_ERR_INVALID_ARGUMENT, "margin is -1");
  options.struct_size = 2;
  CHECK_ERROR(tl_session_correct(session, &options, NULL, 0, "a", 1, correction), TL_ERR_STRUCT_SIZE, "TL_CORRECT_OPTIONS_INIT");
  CHECK_ERROR(tl_session_inspect(session, NULL, NULL, 0, "a", 1, &aligned), TL_ERR_UNAVAILABLE, "edit-tagger");
  CHECK(aligned == 0);
  CHECK_ERROR(tl_session_inspect(inspecting, NULL, "q", 1, " ", 1, &aligned), TL_ERR_EMPTY_TEXT, "answer");
  CHECK_ERROR(tl_session_inspect(inspecting, NULL, "q", 1, "a", 1, NULL), TL_ERR_NULL_ARGUMENT, "out_aligned");
  CHECK(tl_correction_text(NULL, NULL)[0] == '\0' && tl_correction_changed(NULL) == 0);
  CHECK(tl_correction_status(NULL) == TL_OK && tl_correction_edits(NULL, NULL) == NULL);
  CHECK_ERROR(tl_correction_create(NULL), TL_ERR_NULL_ARGUMENT, "out_correction");
  tl_correction_destroy(NULL);
}

/* What looks first clears some texts, and the rest is judged as without it. */
static void cascade(const char *large, const char *small) {
  tl_pack *packs[2] = {NULL, NULL};
  tl_engine *engines[2] = {NULL, NULL};
  tl_session *sessions[2] = {NULL, NULL};
  tl_result *result = NULL;
  tl_engine_config config = TL_ENGINE_CONFIG_INIT;
  size_t i, j;
  int differ = 0;
  CHECK(tl_pack_open(large, &packs[0]) == TL_OK && tl_pack_open(small, &packs[1]) == TL_OK);
  CHECK(tl_result_create(&result) == TL_OK);
  for (j = 0; j < 2; j++) {
    config.first_look = j == 1 ? tl_pack_name(packs[1]) : NULL;
    CHECK(tl_engine_create(&config, (const tl_pack *const *)packs, 2, &engines[j]) == TL_OK);
    CHECK(tl_session_create(engines[j], tl_pack_name(packs[0]), &sessions[j]) == TL_OK);
  }
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    float risks[2] = {-1, -1};
    for (j = 0; j < 2; j++) {
      CHECK(tl_session_guard(sessions[j], NULL, texts[i], strlen(texts[i]), result) == TL_OK);
      risks[j] = tl_result_risk(result, 0);
    }
    differ += risks[0] != risks[1];
  }
  CHECK(differ > 0);
  config.first_look = tl_pack_name(packs[0]);
  tl_engine_destroy(engines[1]);
  CHECK_ERROR(tl_engine_create(&config, (const tl_pack *const *)packs, 2, &engines[1]), TL_ERR_INVALID_ARGUMENT, "first_look");
  for (j = 0; j < 2; j++) {
    tl_session_destroy(sessions[j]);
    tl_pack_destroy(packs[j]);
  }
  tl_engine_destroy(engines[0]);
  tl_result_destroy(result);
}

int main(int argc, char **argv) {
  tl_pack *packs[2] = {NULL, NULL};
  tl_engine *engine = NULL;
  tl_session *session = NULL, *inspecting = NULL;
  tl_correction *correction = NULL;
  double aligned = -1, again = -1;
  size_t i;
  int changed = 0;
  if (argc != 5) return 2;
  CHECK(tl_pack_open(argv[1], &packs[0]) == TL_OK && tl_pack_open(argv[2], &packs[1]) == TL_OK);
  CHECK(tl_engine_create(NULL, (const tl_pack *const *)packs, 1, &engine) == TL_OK);
  CHECK(tl_session_create(engine, NULL, &session) == TL_OK && tl_correction_create(&correction) == TL_OK);
  tl_engine_destroy(engine);
  for (i = 0; i < sizeof texts / sizeof *texts; i++) one(session, correction, texts[i], &changed);
  CHECK(changed > 0);
  tl_session_destroy(session);
  /* With an inspector in the engine, which may refuse. */
  CHECK(tl_engine_create(NULL, (const tl_pack *const *)packs, 2, &engine) == TL_OK);
  CHECK(tl_session_create(engine, tl_pack_name(packs[0]), &session) == TL_OK);
  CHECK(tl_session_create(engine, tl_pack_name(packs[1]), &inspecting) == TL_OK);
  for (i = 0; i < sizeof texts / sizeof *texts; i++) one(session, correction, texts[i], &changed);
  CHECK(tl_session_inspect(inspecting, NULL, "why?", 4, "because", 7, &aligned) == TL_OK);
  CHECK(tl_session_inspect(inspecting, NULL, "why?", 4, "because", 7, &again) == TL_OK);
  CHECK(aligned >= 0 && aligned <= 1 && memcmp(&aligned, &again, sizeof aligned) == 0);
  misuse(session, inspecting, correction);
  /* One session for both packs, which share a model file: it goes from one to the other, and its answers stay the same. */
  CHECK(tl_session_select(session, tl_pack_name(packs[1])) == TL_OK);
  CHECK(tl_session_inspect(session, NULL, "why?", 4, "because", 7, &again) == TL_OK);
  CHECK(memcmp(&aligned, &again, sizeof aligned) == 0);
  CHECK_ERROR(tl_session_select(session, "none"), TL_ERR_UNAVAILABLE, tl_pack_name(packs[0]));
  CHECK(tl_session_inspect(session, NULL, "why?", 4, "because", 7, &again) == TL_OK);
  CHECK(tl_session_select(session, NULL) == TL_OK);
  one(session, correction, texts[1], &changed);
  CHECK_ERROR(tl_session_select(session, "\xff"), TL_ERR_UTF8, "byte 0");
  CHECK_ERROR(tl_session_select(NULL, NULL), TL_ERR_NULL_ARGUMENT, "session");
  tl_correction_destroy(correction);
  tl_session_destroy(session);
  tl_session_destroy(inspecting);
  tl_engine_destroy(engine);
  tl_pack_destroy(packs[0]);
  tl_pack_destroy(packs[1]);
  cascade(argv[3], argv[4]);
  return check_end("correct");
}
