/* Words and sentences through an aligner pack, links from a matrix, and bad input.
 *
 *   align ALIGNER_PACK GUARD_PACK
 */
#include <math.h>
#include <stdlib.h>

#include "check.h"

static void words(tl_session *session, tl_alignment *alignment) {
  static const char source[] = "abc, xyz", target[] = "xyz abc mmm";
  tl_align_options options = TL_ALIGN_OPTIONS_INIT;
  size_t n = 0, n_source = 0, n_target = 0;
  const tl_link *links = NULL;
  const tl_range *of_source = NULL, *of_target = NULL;
  for (options.method = TL_ALIGN_ARGMAX; options.method <= TL_ALIGN_ENTMAX; options.method++) {
    CHECK(tl_session_align_words(session, &options, source, strlen(source), target, strlen(target), alignment) ==
          TL_OK);
    links = tl_alignment_links(alignment, &n);
    of_source = tl_alignment_source_words(alignment, &n_source);
    of_target = tl_alignment_target_words(alignment, &n_target);
    CHECK(n > 0 && n_source == 3 && n_target == 3);
    for (size_t i = 0; i < n; i++) {
      CHECK(links[i].source < n_source && links[i].target < n_target);
      CHECK(links[i].score >= 0 && links[i].score <= 1);
    }
    CHECK(of_source[1].start == 3 && of_source[1].end == 4 && of_target[2].start == 8 && of_target[2].end == 11);
  }
  options.method = TL_ALIGN_ARGMAX;
  options.flags = TL_ALIGN_WHOLE_WORDS;
  CHECK(tl_session_align_words(session, &options, source, strlen(source), target, strlen(target), alignment) == TL_OK);
  links = tl_alignment_links(alignment, &n);
  CHECK(n >= 2 && links[0].source == 0 && links[0].target == 1);
  CHECK(tl_session_align_words(session, NULL, NULL, 0, target, strlen(target), alignment) == TL_OK);
  CHECK(tl_alignment_links(alignment, &n) == NULL && n == 0);
  CHECK(tl_alignment_target_words(alignment, &n) != NULL && n == 3);
}

static void lists(tl_session *session, tl_alignment *alignment) {
  tl_text source[2] = {{"abc", 3}, {"xyz", 3}}, target[2] = {{"xyz", 3}, {"abc", 3}};
  size_t n = 0;
  const tl_bead *beads = NULL;
  const tl_link *links = NULL;
  CHECK(tl_session_align_word_lists(session, NULL, source, 2, target, 2, alignment) == TL_OK);
  links = tl_alignment_links(alignment, &n);
  CHECK(n >= 2 && links[0].source == 0 && links[0].target == 1);
  CHECK(tl_session_align_sentences(session, NULL, source, 2, source, 2, alignment) == TL_OK);
  CHECK(tl_alignment_links(alignment, &n) == NULL && n == 0);
  beads = tl_alignment_beads(alignment, &n);
  CHECK(n > 0 && beads[0].source_start == 0 && beads[n - 1].source_end == 2 && beads[n - 1].target_end == 2);
  for (size_t i = 1; i < n; i++) {
    CHECK(beads[i].source_start == beads[i - 1].source_end && beads[i].target_start == beads[i - 1].target_end);
  }
  CHECK(tl_session_align_sentences(session, NULL, source, 2, NULL, 0, alignment) == TL_OK);
  beads = tl_alignment_beads(alignment, &n);
  CHECK(n == 2 && beads[0].target_start == beads[0].target_end && beads[0].score == 0);
}

static void matrix(tl_alignment *alignment) {
  static const double similarity[6] = {0.1, 0.9, 0.2, 0.8, 0.3, 0.7};
  const double broken[1] = {HUGE_VAL};
  tl_align_options options = TL_ALIGN_OPTIONS_INIT;
  size_t n = 0;
  const tl_link *links = NULL;
  CHECK(tl_align_matrix(NULL, similarity, 2, 3, alignment) == TL_OK);
  links = tl_alignment_links(alignment, &n);
  CHECK(n == 2 && links[0].target == 1 && links[1].target == 0 && links[1].score == 0.8f);
  options.distortion = 1;
  options.method = TL_ALIGN_MATCH;
  CHECK(tl_align_matrix(&options, similarity, 2, 3, alignment) == TL_OK);
  CHECK(tl_alignment_links(alignment, &n) != NULL && n == 2);
  CHECK(tl_align_matrix(NULL, NULL, 0, 3, alignment) == TL_OK);
  CHECK_ERROR(tl_align_matrix(NULL, broken, 1, 1, alignment), TL_ERR_INVALID_ARGUMENT, "inf");
  CHECK_ERROR(tl_align_matrix(NULL, similarity, (size_t)-1, 3, alignment), TL_ERR_INVALID_ARGUMENT, "memory");
  CHECK_ERROR(tl_align_matrix(NULL, NULL, 1, 1, alignment), TL_ERR_NULL_ARGUMENT, "similarity");
  CHECK_ERROR(tl_align_matrix(NULL, similarity, 2, 3, NULL), TL_ERR_NULL_ARGUMENT, "alignment");
}

static void vectors(tl_alignment *alignment) {
  static const float source[4] = {1, 0, 0, 1}, target[6] = {0, 2, 3, 0, 1, 1};
  const float broken[2] = {(float)HUGE_VAL, 0};
  tl_align_options options = TL_ALIGN_OPTIONS_INIT;
  size_t n = 0;
  for (options.method = TL_ALIGN_ARGMAX; options.method <= TL_ALIGN_ENTMAX; options.method++) {
    const tl_link *links = NULL;
    CHECK(tl_align_vectors(&options, source, 2, target, 3, 2, alignment) == TL_OK);
    links = tl_alignment_links(alignment, &n);
    CHECK(n >= 2 && links[0].source == 0 && links[0].target == 1 && links[0].score == 1);
  }
  CHECK(tl_align_vectors(NULL, NULL, 0, target, 3, 2, alignment) == TL_OK);
  CHECK(tl_alignment_links(alignment, &n) == NULL && n == 0);
  CHECK_ERROR(tl_align_vectors(NULL, broken, 1, target, 3, 2, alignment), TL_ERR_INVALID_ARGUMENT, "inf");
  CHECK_ERROR(tl_align_vectors(NULL, source, 2, target, 3, 0, alignment), TL_ERR_INVALID_ARGUMENT, "dimension 0");
  CHECK_ERROR(tl_align_vectors(NULL, source, (size_t)-1, target, 3, 2, alignment), TL_ERR_INVALID_ARGUMENT, "memory");
  options.method = TL_ALIGN_MATCH;
  {
    enum { MANY = 9000 };
    static float many[MANY];
    for (size_t i = 0; i < MANY; i++) many[i] = 1;
    CHECK_ERROR(tl_align_vectors(&options, many, MANY, many, MANY, 1, alignment), TL_ERR_TOO_LARGE, "67108864");
    CHECK(tl_alignment_links(alignment, &n) == NULL && n == 0);
  }
  CHECK_ERROR(tl_align_vectors(NULL, NULL, 1, target, 3, 2, alignment), TL_ERR_NULL_ARGUMENT, "source");
}

static void refusals(tl_session *session, tl_session *guard, tl_alignment *alignment, tl_result *result) {
  tl_align_options options = TL_ALIGN_OPTIONS_INIT;
  size_t n = 1;
  tl_cancel *cancel = NULL;
  CHECK_ERROR(tl_session_align_words(guard, NULL, "a", 1, "b", 1, alignment), TL_ERR_UNAVAILABLE, "guard-encoder");
  CHECK_ERROR(tl_session_guard(session, NULL, "a", 1, result), TL_ERR_UNAVAILABLE, "aligner-encoder");
  CHECK(tl_result_action(result, 0) == TL_ACTION_BLOCK);
  CHECK_ERROR(tl_session_align_words(session, NULL, "a\xff", 2, "b", 1, alignment), TL_ERR_UTF8, "byte 1");
  CHECK(tl_alignment_links(alignment, &n) == NULL && n == 0);
  options.method = 7;
  CHECK_ERROR(tl_session_align_words(session, &options, "a", 1, "b", 1, alignment), TL_ERR_INVALID_ARGUMENT, "7");
  options.method = 0;
  options.flags = 6;
  CHECK_ERROR(tl_session_align_words(session, &options, "a", 1, "b", 1, alignment), TL_ERR_INVALID_ARGUMENT, "0x6");
  options.flags = 0;
  options.distortion = 2;
  CHECK_ERROR(tl_session_align_words(session, &options, "a", 1, "b", 1, alignment), TL_ERR_INVALID_ARGUMENT, "2");
  options.distortion = 0;
  options.largest_bead = 17;
  CHECK_ERROR(tl_session_align_sentences(session, &options, NULL, 0, NULL, 0, alignment), TL_ERR_INVALID_ARGUMENT,
              "17");
  options.largest_bead = 0;
  options.struct_size = 3;
  CHECK_ERROR(tl_session_align_words(session, &options, "a", 1, "b", 1, alignment), TL_ERR_STRUCT_SIZE, "INIT");
  options.struct_size = sizeof options;
  CHECK(tl_cancel_create(&cancel) == TL_OK);
  tl_cancel_set(cancel);
  options.cancel = cancel;
  CHECK_ERROR(tl_session_align_words(session, &options, "a", 1, "b", 1, alignment), TL_ERR_CANCELLED, "cancel");
  tl_cancel_destroy(cancel);
  CHECK_ERROR(tl_session_align_words(NULL, NULL, "a", 1, "b", 1, alignment), TL_ERR_NULL_ARGUMENT, "session");
  CHECK_ERROR(tl_session_align_words(session, NULL, NULL, 1, "b", 1, alignment), TL_ERR_NULL_ARGUMENT, "source");
  CHECK_ERROR(tl_session_align_word_lists(session, NULL, NULL, 1, NULL, 0, alignment), TL_ERR_NULL_ARGUMENT, "source");
  CHECK_ERROR(tl_session_align_words(session, NULL, "a", 1, "b", 1, NULL), TL_ERR_NULL_ARGUMENT, "alignment");
  CHECK_ERROR(tl_alignment_create(NULL), TL_ERR_NULL_ARGUMENT, "out_alignment");
  CHECK(tl_alignment_links(NULL, NULL) == NULL && tl_alignment_beads(NULL, &n) == NULL && n == 0);
  CHECK(tl_alignment_source_words(NULL, NULL) == NULL && tl_alignment_target_words(NULL, NULL) == NULL);
  tl_alignment_destroy(NULL);
}

int main(int argc, char **argv) {
  tl_pack *packs[2] = {NULL, NULL};
  tl_engine *engine = NULL;
  tl_session *session = NULL, *guard = NULL;
  tl_alignment *alignment = NULL;
  tl_result *result = NULL;
  if (argc != 3) return 2;
  CHECK(tl_pack_open(argv[1], &packs[0]) == TL_OK && tl_pack_open(argv[2], &packs[1]) == TL_OK);
  CHECK(tl_engine_create(NULL, (const tl_pack *const *)packs, 2, &engine) == TL_OK);
  CHECK(tl_session_create(engine, NULL, &session) == TL_OK);
  CHECK(tl_session_create(engine, tl_pack_name(packs[1]), &guard) == TL_OK);
  CHECK(tl_alignment_create(&alignment) == TL_OK && tl_result_create(&result) == TL_OK);
  if (check_failed == 0) {
    words(session, alignment);
    lists(session, alignment);
    matrix(alignment);
    vectors(alignment);
    refusals(session, guard, alignment, result);
  }
  tl_result_destroy(result);
  tl_alignment_destroy(alignment);
  tl_session_destroy(guard);
  tl_session_destroy(session);
  tl_engine_destroy(engine);
  tl_pack_destroy(packs[0]);
  tl_pack_destroy(packs[1]);
  return check_end("align");
}
