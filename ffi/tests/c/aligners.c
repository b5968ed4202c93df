/* Scorers of aligners on the caller's own numbers, each checked by hand, and bad input. Needs no pack.
 *
 *   aligners
 */
#include <math.h>
#include <stdlib.h>

#include "check.h"

#define NEAR(a, b) (fabs((double)(a) - (double)(b)) < 1e-6)

static const double corners[4] = {0, 1, 1, 10};

static void transport(void) {
  tl_transport_options options = TL_TRANSPORT_OPTIONS_INIT;
  const double even[4] = {0, 1, 1, 0}, half[2] = {0.5, 0.5}, bad[1] = {NAN}, none[2] = {1, 0};
  double plan[4] = {-1, -1, -1, -1}, cost = -1;
  /* The diagonal costs 10, going round it 2. */
  options.method = TL_TRANSPORT_EXACT;
  CHECK(tl_transport_plan(&options, corners, 2, 2, NULL, NULL, plan, &cost) == TL_OK);
  CHECK(plan[0] == 0 && plan[1] == 1 && plan[2] == 1 && plan[3] == 0 && cost == 2);
  options.mass = 1;
  CHECK(tl_transport_plan(&options, corners, 2, 2, NULL, NULL, plan, &cost) == TL_OK);
  CHECK(plan[0] == 1 && plan[1] == 0 && plan[2] == 0 && plan[3] == 0 && cost == 0);
  options.mass = 2.5;
  CHECK_ERROR(tl_transport_plan(&options, corners, 2, 2, NULL, NULL, plan, NULL), TL_ERR_INVALID_ARGUMENT, "at most 2");
  CHECK(plan[0] == 1);
  /* a / b = e and a + b = 0.5. */
  options.mass = 0;
  options.method = TL_TRANSPORT_BALANCED;
  options.epsilon = 1;
  CHECK(tl_transport_plan(&options, even, 2, 2, half, half, plan, &cost) == TL_OK);
  CHECK(NEAR(plan[0], 0.5 * exp(1) / (1 + exp(1))) && NEAR(plan[1], 0.5 / (1 + exp(1))) && NEAR(cost, 2 * plan[1]));
  /* What is refused leaves the plan; a plan in the place of its costs is the same. */
  {
    double place[4] = {0, 1, 1, 0};
    options.epsilon = -1;
    CHECK_ERROR(tl_transport_plan(&options, even, 2, 2, half, half, place, NULL), TL_ERR_INVALID_ARGUMENT, "epsilon");
    CHECK(place[0] == 0 && place[1] == 1 && place[3] == 0);
    options.epsilon = 1;
    CHECK(tl_transport_plan(&options, place, 2, 2, half, half, place, NULL) == TL_OK);
    CHECK(place[0] == plan[0] && place[1] == plan[1] && place[2] == plan[2] && place[3] == plan[3]);
  }
  /* One pair: c + (epsilon + 2 tau) ln p = 0. */
  CHECK(tl_transport_plan(NULL, corners + 1, 1, 1, NULL, NULL, plan, NULL) == TL_OK);
  CHECK(NEAR(plan[0], exp(-1 / 1.1)));
  options.method = TL_TRANSPORT_PARTIAL;
  options.mass = 0.25;
  CHECK(tl_transport_plan(&options, corners + 1, 1, 1, NULL, NULL, plan, NULL) == TL_OK && NEAR(plan[0], 0.25));
  CHECK(tl_transport_plan(&options, NULL, 0, 3, NULL, NULL, NULL, &cost) == TL_OK && cost == 0);
  CHECK_ERROR(tl_transport_plan(NULL, bad, 1, 1, NULL, NULL, plan, NULL), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_transport_plan(NULL, corners, 2, 2, none, NULL, plan, NULL), TL_ERR_INVALID_ARGUMENT, "above 0");
  CHECK_ERROR(tl_transport_plan(NULL, corners, (size_t)-1, 2, NULL, NULL, plan, NULL), TL_ERR_INVALID_ARGUMENT, "memory");
  CHECK_ERROR(tl_transport_plan(NULL, NULL, 2, 2, NULL, NULL, plan, NULL), TL_ERR_NULL_ARGUMENT, "cost");
  CHECK_ERROR(tl_transport_plan(NULL, corners, 2, 2, NULL, NULL, NULL, NULL), TL_ERR_NULL_ARGUMENT, "out_plan");
  options.epsilon = -1;
  CHECK_ERROR(tl_transport_plan(&options, corners, 2, 2, NULL, NULL, plan, NULL), TL_ERR_INVALID_ARGUMENT, "epsilon");
  options.epsilon = 0;
  options.method = 4;
  CHECK_ERROR(tl_transport_plan(&options, corners, 2, 2, NULL, NULL, plan, NULL), TL_ERR_INVALID_ARGUMENT, "method is 4");
  options.method = 0;
  options.flags = 8;
  CHECK_ERROR(tl_transport_plan(&options, corners, 2, 2, NULL, NULL, plan, NULL), TL_ERR_INVALID_ARGUMENT, "0x8");
  options.flags = 0;
  options.change = -1;
  CHECK_ERROR(tl_transport_plan(&options, corners, 2, 2, NULL, NULL, plan, NULL), TL_ERR_INVALID_ARGUMENT, "change");
  options.struct_size = 2;
  CHECK_ERROR(tl_transport_plan(&options, corners, 2, 2, NULL, NULL, plan, NULL), TL_ERR_STRUCT_SIZE, "INIT");
}

static void permutation(void) {
  const double scores[4] = {3, 1, 0, 2}, bad[1] = {HUGE_VAL}, far[1] = {2};
  double plan[4];
  CHECK(tl_soft_permutation(scores, 2, 0.5, 20, NULL, 0, plan) == TL_OK);
  CHECK(NEAR(plan[0] + plan[2], 1) && NEAR(plan[1] + plan[3], 1) && plan[0] > 0.9 && plan[3] > 0.9);
  CHECK(tl_soft_permutation(scores, 1, 0.5, 20, scores + 2, 1, plan) == TL_OK && NEAR(plan[0], 1));
  CHECK(tl_soft_permutation(NULL, 0, 0.5, 20, NULL, 0, NULL) == TL_OK);
  CHECK_ERROR(tl_soft_permutation(bad, 1, 0.5, 20, NULL, 0, plan), TL_ERR_INVALID_ARGUMENT, "inf");
  CHECK_ERROR(tl_soft_permutation(scores, 1, 0, 20, NULL, 0, plan), TL_ERR_INVALID_ARGUMENT, "temperature");
  CHECK_ERROR(tl_soft_permutation(scores, 1, 1, 20, far, 1, plan), TL_ERR_INVALID_ARGUMENT, "noise");
  CHECK_ERROR(tl_soft_permutation(scores, (size_t)-1, 1, 20, NULL, 0, plan), TL_ERR_INVALID_ARGUMENT, "memory");
  CHECK_ERROR(tl_soft_permutation(NULL, 1, 1, 20, NULL, 0, plan), TL_ERR_NULL_ARGUMENT, "scores");
  CHECK_ERROR(tl_soft_permutation(scores, 1, 1, 20, NULL, 0, NULL), TL_ERR_NULL_ARGUMENT, "out_plan");
}

/* Whether the alignment has just these links, given as source, target, source, target... */
static int links_are(const tl_alignment *alignment, size_t n_want, const size_t *want) {
  size_t n = 0, same = 0;
  const tl_link *links = tl_alignment_links(alignment, &n);
  for (size_t i = 0; i < n && n == n_want; i++) same += links[i].source == want[2 * i] && links[i].target == want[2 * i + 1];
  return n == n_want && same == n;
}

static void extraction(tl_alignment *alignment) {
  static const double scores[6] = {4, 3, 0, 0, 1, 2}, bad[1] = {NAN};
  static const size_t above[] = {0, 0, 0, 1, 1, 2}, best[] = {0, 0, 1, 2}, all[] = {0, 0, 0, 1, 1, 1, 1, 2};
  static const size_t of_target[] = {0, 0, 0, 1, 1, 2};
  tl_extract_options options = TL_EXTRACT_OPTIONS_INIT;
  size_t n = 9;
  CHECK(tl_align_extract(NULL, scores, 2, 3, alignment) == TL_OK && links_are(alignment, 4, all));
  CHECK(tl_alignment_links(alignment, &n)[1].score == 3);
  options.threshold = 1;
  CHECK(tl_align_extract(&options, scores, 2, 3, alignment) == TL_OK && links_are(alignment, 3, above));
  options.method = TL_EXTRACT_AT_LEAST;
  CHECK(tl_align_extract(&options, scores, 2, 3, alignment) == TL_OK && links_are(alignment, 4, all));
  options.method = TL_EXTRACT_BEST;
  CHECK(tl_align_extract(&options, scores, 2, 3, alignment) == TL_OK && links_are(alignment, 2, best));
  options.method = TL_EXTRACT_SHARE_OF_SOURCE;
  options.threshold = 0.5;
  CHECK(tl_align_extract(&options, scores, 2, 3, alignment) == TL_OK && links_are(alignment, 4, all));
  options.method = TL_EXTRACT_SHARE_OF_TARGET;
  CHECK(tl_align_extract(&options, scores, 2, 3, alignment) == TL_OK && links_are(alignment, 3, of_target));
  options.threshold = 1.5;
  CHECK_ERROR(tl_align_extract(&options, scores, 2, 3, alignment), TL_ERR_INVALID_ARGUMENT, "share 1.5");
  CHECK(tl_alignment_links(alignment, &n) == NULL && n == 0);
  options.method = TL_EXTRACT_SELF_LABEL;
  options.flags = TL_EXTRACT_CLAMP;
  options.rounds = 3;
  CHECK(tl_align_extract(&options, scores, 2, 3, alignment) == TL_OK && links_are(alignment, 2, best));
  CHECK(tl_align_extract(NULL, NULL, 0, 3, alignment) == TL_OK && links_are(alignment, 0, best));
  CHECK_ERROR(tl_align_extract(NULL, bad, 1, 1, alignment), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_align_extract(NULL, scores, (size_t)-1, 3, alignment), TL_ERR_INVALID_ARGUMENT, "memory");
  CHECK_ERROR(tl_align_extract(NULL, NULL, 1, 1, alignment), TL_ERR_NULL_ARGUMENT, "scores");
  CHECK_ERROR(tl_align_extract(NULL, scores, 1, 1, NULL), TL_ERR_NULL_ARGUMENT, "alignment");
  options.method = 6;
  CHECK_ERROR(tl_align_extract(&options, scores, 2, 3, alignment), TL_ERR_INVALID_ARGUMENT, "method is 6");
  options.method = 0;
  options.threshold = NAN;
  CHECK_ERROR(tl_align_extract(&options, scores, 2, 3, alignment), TL_ERR_INVALID_ARGUMENT, "NaN");
  options.flags = 2;
  CHECK_ERROR(tl_align_extract(&options, scores, 2, 3, alignment), TL_ERR_INVALID_ARGUMENT, "0x2");
}

static void two_ways(tl_alignment *alignment) {
  static const double there[4] = {0.8, 0.2, 0, 1}, back[4] = {0.4, 0, 0, 1}, bad[4] = {0, NAN, 0, 0};
  static const size_t agreed[] = {0, 0, 1, 1}, sure[] = {1, 1};
  /* The target has three tokens: one of word 0, one of none, one of word 1; the source has one for each word. */
  static const double logits[6] = {5, 9, -5, -5, 9, 5}, logits_back[4] = {5, -5, -5, -5};
  static const int32_t words[3] = {0, -1, 1}, words_back[2] = {0, 1}, beyond[3] = {0, -1, 2};
  tl_token_runs forward = {logits, words, 3}, reverse = {logits_back, words_back, 2};
  size_t n = 0;
  CHECK(tl_align_agreement(there, back, 2, 2, 0.1, alignment) == TL_OK && links_are(alignment, 2, agreed));
  CHECK(NEAR(tl_alignment_links(alignment, &n)[0].score, 2 * 0.8 * 0.4 / 1.2));
  CHECK(tl_align_agreement(there, back, 2, 2, 0.9, alignment) == TL_OK && links_are(alignment, 1, sure));
  CHECK(tl_align_agreement(NULL, NULL, 0, 2, 0.9, alignment) == TL_OK && links_are(alignment, 0, sure));
  CHECK_ERROR(tl_align_agreement(there, bad, 2, 2, 0.9, alignment), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_align_agreement(there, back, 2, 2, NAN, alignment), TL_ERR_INVALID_ARGUMENT, "threshold");
  CHECK_ERROR(tl_align_agreement(there, NULL, 2, 2, 0.9, alignment), TL_ERR_NULL_ARGUMENT, "backward");
  CHECK_ERROR(tl_align_agreement(there, back, 2, (size_t)-1, 0.9, alignment), TL_ERR_INVALID_ARGUMENT, "memory");
  CHECK_ERROR(tl_align_agreement(there, back, 2, 2, 0.9, NULL), TL_ERR_NULL_ARGUMENT, "alignment");

  CHECK(tl_align_token_runs(&forward, &reverse, 2, 2, TL_WORD_SCORE_MAX, TL_BOTH_UNION, 0.5, alignment) == TL_OK);
  CHECK(links_are(alignment, 2, agreed));
  CHECK(tl_align_token_runs(&forward, &reverse, 2, 2, TL_WORD_SCORE_LAST, TL_BOTH_INTERSECTION, 0.5, alignment) == TL_OK);
  CHECK(links_are(alignment, 1, agreed));
  for (uint32_t score = TL_WORD_SCORE_MAX; score <= TL_WORD_SCORE_LAST; score++) {
    for (uint32_t both = TL_BOTH_AVERAGE; both <= TL_BOTH_AVERAGE_OF_LINKED; both++) {
      CHECK(tl_align_token_runs(&forward, &reverse, 2, 2, score, both, 0.5, alignment) == TL_OK);
      CHECK(tl_alignment_links(alignment, &n)[0].source == 0 && n >= 1);
    }
  }
  CHECK_ERROR(tl_align_token_runs(&forward, &reverse, 2, 2, 5, 0, 0.5, alignment), TL_ERR_INVALID_ARGUMENT, "word_score");
  CHECK_ERROR(tl_align_token_runs(&forward, &reverse, 2, 2, 0, 4, 0.5, alignment), TL_ERR_INVALID_ARGUMENT, "combination");
  CHECK_ERROR(tl_align_token_runs(&forward, &reverse, 2, 2, 0, 0, NAN, alignment), TL_ERR_INVALID_ARGUMENT, "threshold");
  CHECK_ERROR(tl_align_token_runs(NULL, &reverse, 2, 2, 0, 0, 0.5, alignment), TL_ERR_NULL_ARGUMENT, "forward");
  forward.word_of = beyond;
  CHECK_ERROR(tl_align_token_runs(&forward, &reverse, 2, 2, 0, 0, 0.5, alignment), TL_ERR_INVALID_ARGUMENT, "2");
  forward.word_of = NULL;
  CHECK_ERROR(tl_align_token_runs(&forward, &reverse, 2, 2, 0, 0, 0.5, alignment), TL_ERR_NULL_ARGUMENT, "word_of");
  CHECK(tl_alignment_links(alignment, &n) == NULL && n == 0);
}

static void symmetrization(tl_alignment *alignment) {
  static const tl_link forward[3] = {{2, 0, 0.25f}, {1, 1, 0.5f}, {0, 0, 0.5f}}, reverse[1] = {{0, 0, 0.75f}};
  static const size_t both[] = {0, 0}, corner[] = {0, 0, 1, 1}, any[] = {0, 0, 1, 1, 2, 0};
  size_t n = 0;
#define SYMMETRIZE(method, order) tl_align_symmetrize(method, order, forward, 3, reverse, 1, 3, 2, alignment)
  CHECK(SYMMETRIZE(TL_SYMMETRIZE_INTERSECTION, TL_ORDER_MOSES) == TL_OK && links_are(alignment, 1, both));
  CHECK(tl_alignment_links(alignment, &n)[0].score == 0.75f);
  CHECK(SYMMETRIZE(TL_SYMMETRIZE_UNION, TL_ORDER_MOSES) == TL_OK && links_are(alignment, 3, any));
  CHECK(SYMMETRIZE(TL_SYMMETRIZE_GROW, TL_ORDER_MOSES) == TL_OK && links_are(alignment, 1, both));
  CHECK(SYMMETRIZE(TL_SYMMETRIZE_GROW_DIAG, TL_ORDER_FAST_ALIGN) == TL_OK && links_are(alignment, 3, any));
  CHECK(SYMMETRIZE(TL_SYMMETRIZE_GROW_DIAG_FINAL_AND, TL_ORDER_LILT) == TL_OK && links_are(alignment, 2, corner));
  CHECK(SYMMETRIZE(TL_SYMMETRIZE_GROW_FINAL_AND, TL_ORDER_MOSES) == TL_OK && links_are(alignment, 2, corner));
  CHECK(SYMMETRIZE(TL_SYMMETRIZE_GROW_FINAL, TL_ORDER_MOSES) == TL_OK && links_are(alignment, 3, any));
  CHECK(SYMMETRIZE(TL_SYMMETRIZE_GROW_DIAG_FINAL, TL_ORDER_MOSES) == TL_OK && links_are(alignment, 3, any));
  CHECK_ERROR(SYMMETRIZE(TL_SYMMETRIZE_GROW, TL_ORDER_LILT), TL_ERR_INVALID_ARGUMENT, "Lilt");
  CHECK_ERROR(SYMMETRIZE(8, TL_ORDER_MOSES), TL_ERR_INVALID_ARGUMENT, "method is 8");
  CHECK_ERROR(SYMMETRIZE(0, 3), TL_ERR_INVALID_ARGUMENT, "order is 3");
#undef SYMMETRIZE
  CHECK(tl_align_symmetrize(0, 0, NULL, 0, NULL, 0, 0, 0, alignment) == TL_OK && links_are(alignment, 0, both));
  CHECK_ERROR(tl_align_symmetrize(0, 0, forward, 3, reverse, 1, 2, 2, alignment), TL_ERR_INVALID_ARGUMENT, "2-0");
  CHECK_ERROR(tl_align_symmetrize(0, 0, NULL, 3, reverse, 1, 2, 2, alignment), TL_ERR_NULL_ARGUMENT, "forward");
  CHECK_ERROR(tl_align_symmetrize(0, 0, forward, 3, reverse, 1, 3, 2, NULL), TL_ERR_NULL_ARGUMENT, "alignment");
}

static void scores(void) {
  static const tl_link found[3] = {{0, 0, 0}, {1, 1, 0}, {1, 2, 0}}, sure[2] = {{0, 0, 0}, {2, 2, 0}}, may[1] = {{1, 1, 0}};
  static const double seconds[3] = {2, 1, 1}, bad[3] = {1, -1, 1};
  tl_scored_pair pair = {found, 3, sure, 2, may, 1, seconds, NULL, 3, 3};
  tl_link_scores out = {9, 9, 9, 9};
  tl_link_shares links = {9, 9, 9, 9}, null = {9, 9, 9, 9}, total = {9, 9, 9, 9};
  /* Of 3 found 2 are possible and 1 of 2 sure ones: AER = 1 - (1 + 2) / (3 + 2). */
  CHECK(tl_links_score(&pair, 1, &out) == TL_OK);
  CHECK(NEAR(out.precision, 2.0 / 3) && NEAR(out.recall, 0.5) && NEAR(out.aer, 0.4) && NEAR(out.f1, 4.0 / 7));
  /* Weighed by source seconds: found 4, possible among them 3, sure 3, found and sure 2. */
  CHECK(tl_links_score_timed(&pair, 1, &out) == TL_OK);
  CHECK(NEAR(out.precision, 0.75) && NEAR(out.recall, 2.0 / 3) && NEAR(out.aer, 1 - 5.0 / 7));
  /* Source word 2 has a gold link and no other: no word is rightly left out. */
  CHECK(tl_links_score_with_null(&pair, 1, &links, &null, &total) == TL_OK);
  CHECK(NEAR(links.precision, 2.0 / 3) && NEAR(links.recall, 2.0 / 3) && links.exact_match == 0);
  CHECK(null.precision == 0 && NEAR(total.precision, 2.0 / 4));
  CHECK(tl_links_score_with_null(&pair, 1, NULL, NULL, NULL) == TL_OK);
  CHECK(tl_links_score(NULL, 0, &out) == TL_OK && out.aer == 1 && out.precision == 0);
  pair.source_seconds = bad;
  CHECK_ERROR(tl_links_score_timed(&pair, 1, &out), TL_ERR_INVALID_ARGUMENT, "word 1 are -1");
  CHECK(out.aer == 1);
  pair.source_seconds = NULL;
  CHECK_ERROR(tl_links_score_timed(&pair, 1, &out), TL_ERR_NULL_ARGUMENT, "pairs[0].source_seconds");
  pair.n_source = 2;
  CHECK_ERROR(tl_links_score_with_null(&pair, 1, &links, NULL, NULL), TL_ERR_INVALID_ARGUMENT, "2-2 of 2 and 3");
  CHECK(links.f1 == 0);
  pair.n_sure = 0;
  CHECK_ERROR(tl_links_score(&pair, 1, &out), TL_ERR_INVALID_ARGUMENT, "sure");
  pair.possible = NULL;
  CHECK_ERROR(tl_links_score(&pair, 1, &out), TL_ERR_NULL_ARGUMENT, "pairs[0].possible");
  CHECK(out.aer == 1 && out.recall == 0);
  CHECK_ERROR(tl_links_score(NULL, 1, &out), TL_ERR_NULL_ARGUMENT, "pairs");
  CHECK_ERROR(tl_links_score(NULL, 0, NULL), TL_ERR_NULL_ARGUMENT, "out_scores");
}

static const float axes[4] = {1, 0, 0, 1}, turned[4] = {0, 1, 1, 0};

static void mining(tl_alignment *alignment) {
  static const size_t crossed[] = {0, 1, 1, 0};
  const float bad[2] = {NAN, 0};
  tl_mining_options options = TL_MINING_OPTIONS_INIT;
  size_t n = 0, nearest[2] = {9, 9};
  double scores[4] = {9, 9, 9, 9};
  CHECK(tl_mine_vectors(NULL, axes, 2, turned, 2, 2, alignment) == TL_OK && links_are(alignment, 2, crossed));
  CHECK(tl_alignment_links(alignment, &n)[0].score == 2);
  options.margin = TL_MARGIN_DISTANCE;
  options.method = TL_MINE_GREEDY;
  CHECK(tl_mine_vectors(&options, axes, 2, turned, 2, 2, alignment) == TL_OK && links_are(alignment, 2, crossed));
  CHECK(tl_alignment_links(alignment, &n)[0].score == 0.5f);
  options.threshold = 0.5;
  CHECK(tl_mine_vectors(&options, axes, 2, turned, 2, 2, alignment) == TL_OK && links_are(alignment, 0, crossed));
  options.margin = TL_MARGIN_ABSOLUTE;
  options.neighbours = 1;
  CHECK(tl_mine_vectors(&options, axes, 2, turned, 2, 2, alignment) == TL_OK && links_are(alignment, 2, crossed));
  CHECK(tl_mine_vectors(NULL, NULL, 0, turned, 2, 2, alignment) == TL_OK && links_are(alignment, 0, crossed));
  CHECK_ERROR(tl_mine_vectors(NULL, bad, 1, turned, 2, 2, alignment), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_mine_vectors(NULL, axes, 2, turned, 2, 0, alignment), TL_ERR_INVALID_ARGUMENT, "dimension 0");
  CHECK_ERROR(tl_mine_vectors(NULL, axes, 2, turned, (size_t)-1, 2, alignment), TL_ERR_INVALID_ARGUMENT, "memory");
  CHECK_ERROR(tl_mine_vectors(NULL, NULL, 2, turned, 2, 2, alignment), TL_ERR_NULL_ARGUMENT, "source");
  CHECK_ERROR(tl_mine_vectors(NULL, axes, 2, turned, 2, 2, NULL), TL_ERR_NULL_ARGUMENT, "alignment");
  options.margin = 3;
  CHECK_ERROR(tl_mine_vectors(&options, axes, 2, turned, 2, 2, alignment), TL_ERR_INVALID_ARGUMENT, "margin is 3");
  options.margin = 0;
  options.method = 2;
  CHECK_ERROR(tl_mine_vectors(&options, axes, 2, turned, 2, 2, alignment), TL_ERR_INVALID_ARGUMENT, "method is 2");
  options.method = 0;
  options.threshold = NAN;
  CHECK_ERROR(tl_mine_vectors(&options, axes, 2, turned, 2, 2, alignment), TL_ERR_INVALID_ARGUMENT, "threshold");

  /* Cosines of 0 and 1 whose neighbourhoods have 0.5: 2 - 1 and 0 - 1. */
  CHECK(tl_retrieve_vectors(axes, 2, turned, 2, 2, 0, nearest, scores) == TL_OK);
  CHECK(nearest[0] == 1 && nearest[1] == 0 && NEAR(scores[0], -1) && NEAR(scores[1], 1));
  CHECK(tl_retrieve_vectors(axes, 2, NULL, 0, 2, 1, nearest, NULL) == TL_OK && nearest[0] == (size_t)-1);
  CHECK_ERROR(tl_retrieve_vectors(axes, 2, turned, 2, 2, 0, NULL, NULL), TL_ERR_NULL_ARGUMENT, "out_nearest");
  CHECK_ERROR(tl_retrieve_vectors(bad, 1, turned, 2, 2, 0, nearest, NULL), TL_ERR_INVALID_ARGUMENT, "NaN");
  {
    enum { MANY = 9000 };
    static float many[MANY];
    for (size_t i = 0; i < MANY; i++) many[i] = 1;
    CHECK_ERROR(tl_mine_vectors(NULL, many, MANY, many, MANY, 1, alignment), TL_ERR_TOO_LARGE, "67108864");
  }
}

static void procrustes(void) {
  static const double x[4] = {1, 0, 0, 1}, y[4] = {0, 1, -1, 0}, bad[4] = {0, NAN, 0, 0};
  double map[4] = {9, 9, 9, 9}, left = 9;
  CHECK(tl_procrustes(x, y, 2, 2, map, &left) == TL_OK);
  CHECK(NEAR(map[0], 0) && NEAR(map[1], 1) && NEAR(map[2], -1) && NEAR(map[3], 0) && NEAR(left, 0));
  CHECK(tl_procrustes(x, y, 2, 2, map, NULL) == TL_OK);
  CHECK_ERROR(tl_procrustes(x, bad, 2, 2, map, NULL), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_procrustes(x, y, 2, 0, map, NULL), TL_ERR_INVALID_ARGUMENT, "0");
  CHECK_ERROR(tl_procrustes(x, y, (size_t)-1, 2, map, NULL), TL_ERR_INVALID_ARGUMENT, "memory");
  CHECK_ERROR(tl_procrustes(x, NULL, 2, 2, map, NULL), TL_ERR_NULL_ARGUMENT, "target");
  CHECK_ERROR(tl_procrustes(x, y, 2, 2, NULL, NULL), TL_ERR_NULL_ARGUMENT, "out_map");
}

/* Writes the unit vector along some of four axes, given as bits. */
static void along(unsigned bits, float *out) {
  static const float shares[5] = {0, 1, 0.70710678f, 0.57735027f, 0.5f}; /* one over the root */
  const float share = shares[(bits & 1) + (bits >> 1 & 1) + (bits >> 2 & 1) + (bits >> 3 & 1)];
  for (unsigned axis = 0; axis < 4; axis++) out[axis] = bits >> axis & 1 ? share : 0;
}

static void sentences(tl_alignment *alignment) {
  /* The second target says the second and third source. */
  static const unsigned of_source[8] = {1, 2, 4, 8, 0, 3, 6, 12}, of_target[6] = {1, 6, 8, 0, 7, 14};
  static const size_t source_bytes[8] = {10, 10, 10, 10, 0, 20, 20, 20}, target_bytes[6] = {10, 20, 10, 0, 30, 30};
  float source[32], target[24];
  tl_bead_options options = TL_BEAD_OPTIONS_INIT;
  size_t n = 0;
  const tl_bead *beads = NULL;
  for (size_t i = 0; i < 8; i++) along(of_source[i], source + 4 * i);
  for (size_t i = 0; i < 6; i++) along(of_target[i], target + 4 * i);
  for (options.method = TL_BEADS_VECALIGN; options.method <= TL_BEADS_BERTALIGN; options.method++) {
    const size_t *bytes = options.method == TL_BEADS_BERTALIGN ? source_bytes : NULL;
    CHECK(tl_align_sentence_vectors(&options, source, 4, target, 3, 2, 4, bytes, bytes ? target_bytes : NULL, alignment) ==
          TL_OK);
    beads = tl_alignment_beads(alignment, &n);
    CHECK(n == 3 && beads[0].source_end == 1 && beads[0].target_end == 1);
    CHECK(n == 3 && beads[1].source_end == 3 && beads[1].target_end == 2 && beads[2].source_end == 4);
    CHECK(tl_align_sentence_vectors(&options, source, 4, NULL, 0, 2, 4, NULL, NULL, alignment) == TL_OK);
    beads = tl_alignment_beads(alignment, &n);
    CHECK(n == 4 && beads[3].source_start == 3 && beads[3].target_start == beads[3].target_end);
  }
  options.method = TL_BEADS_BERTALIGN;
  options.flags = TL_BEADS_NO_MARGIN;
  CHECK(tl_align_sentence_vectors(&options, source, 4, target, 3, 2, 4, NULL, NULL, alignment) == TL_OK);
  CHECK_ERROR(tl_align_sentence_vectors(&options, source, 4, target, 3, 2, 4, source_bytes, NULL, alignment),
              TL_ERR_NULL_ARGUMENT, "target_bytes");
  options.flags = 4;
  CHECK_ERROR(tl_align_sentence_vectors(&options, source, 4, target, 3, 2, 4, NULL, NULL, alignment),
              TL_ERR_INVALID_ARGUMENT, "0x4");
  options.flags = 0;
  options.largest_bead = 4;
  CHECK_ERROR(tl_align_sentence_vectors(&options, source, 4, target, 3, 2, 4, NULL, NULL, alignment),
              TL_ERR_INVALID_ARGUMENT, "2 to 3");
  options.largest_bead = 0;
  options.method = 2;
  CHECK_ERROR(tl_align_sentence_vectors(&options, source, 4, target, 3, 2, 4, NULL, NULL, alignment),
              TL_ERR_INVALID_ARGUMENT, "method is 2");
  options.method = 0;
  options.skip = 2;
  CHECK_ERROR(tl_align_sentence_vectors(&options, source, 4, target, 3, 2, 4, NULL, NULL, alignment),
              TL_ERR_INVALID_ARGUMENT, "quantile 2");
  CHECK_ERROR(tl_align_sentence_vectors(NULL, source, 4, target, 3, 0, 4, NULL, NULL, alignment), TL_ERR_INVALID_ARGUMENT,
              "0 layers");
  CHECK_ERROR(tl_align_sentence_vectors(NULL, source, (size_t)-1, target, 3, 2, 4, NULL, NULL, alignment),
              TL_ERR_INVALID_ARGUMENT, "memory");
  CHECK_ERROR(tl_align_sentence_vectors(NULL, NULL, 4, target, 3, 2, 4, NULL, NULL, alignment), TL_ERR_NULL_ARGUMENT,
              "source");
  source[0] = NAN;
  CHECK_ERROR(tl_align_sentence_vectors(NULL, source, 4, target, 3, 2, 4, NULL, NULL, alignment), TL_ERR_INVALID_ARGUMENT,
              "NaN");
  CHECK(tl_alignment_beads(alignment, &n) == NULL && n == 0);
}

static void documents(tl_alignment *alignment) {
  static const size_t one_each[2] = {1, 1}, crossed[] = {0, 1, 1, 0}, vast[2] = {(size_t)-1, 2};
  const float bad[4] = {1, 0, NAN, 0};
  size_t n = 0;
  CHECK(tl_align_document_vectors(axes, one_each, 2, turned, one_each, 2, 2, 0, alignment) == TL_OK);
  CHECK(links_are(alignment, 2, crossed) && tl_alignment_links(alignment, &n)[0].score == 1);
  CHECK(tl_align_document_vectors(NULL, NULL, 0, turned, one_each, 2, 2, 0, alignment) == TL_OK);
  CHECK(links_are(alignment, 0, crossed));
  CHECK_ERROR(tl_align_document_vectors(axes, vast, 2, turned, one_each, 2, 2, 0, alignment), TL_ERR_INVALID_ARGUMENT,
              "memory");
  CHECK_ERROR(tl_align_document_vectors(bad, one_each, 2, turned, one_each, 2, 2, 0, alignment), TL_ERR_INVALID_ARGUMENT,
              "NaN");
  CHECK_ERROR(tl_align_document_vectors(NULL, one_each, 2, turned, one_each, 2, 2, 0, alignment), TL_ERR_NULL_ARGUMENT,
              "source");
  CHECK_ERROR(tl_align_document_vectors(axes, NULL, 2, turned, one_each, 2, 2, 0, alignment), TL_ERR_NULL_ARGUMENT,
              "source_counts");
}

static double first_only(size_t a_start, size_t a_end, size_t b_start, size_t b_end, void *user) {
  ++*(int *)user;
  return a_start == 0 && a_end == 2 && b_start == 0 && b_end == 1 ? 1 : 0;
}

static double not_a_number(size_t a_start, size_t a_end, size_t b_start, size_t b_end, void *user) {
  (void)a_start, (void)a_end, (void)b_start, (void)b_end, (void)user;
  return NAN;
}

static void answers(void) {
  static const size_t lengths[4] = {5, 5, 5, 5}, vast[2] = {(size_t)-1, 1};
  static const tl_text a[3] = {{"x y", 3}, {"z", 1}, {"w", 1}}, b[3] = {{"x y", 3}, {"q", 1}, {"z w", 3}};
  static const tl_text broken[1] = {{"\xff", 1}};
  size_t cut = 9, cut_b = 9;
  double sum = 0;
  int calls = 0;
  CHECK(tl_split_by_length(lengths, 4, 2, &cut) == TL_OK && cut == 2);
  CHECK(tl_split_by_length(lengths, 4, 1, NULL) == TL_OK);
  CHECK_ERROR(tl_split_by_length(lengths, 4, 5, &cut), TL_ERR_INVALID_ARGUMENT, "5 segments of 4");
  CHECK_ERROR(tl_split_by_length(vast, 2, 2, &cut), TL_ERR_INVALID_ARGUMENT, "memory");
  CHECK_ERROR(tl_split_by_length(NULL, 4, 2, &cut), TL_ERR_NULL_ARGUMENT, "lengths");
  CHECK_ERROR(tl_split_by_length(lengths, 4, 2, NULL), TL_ERR_NULL_ARGUMENT, "out_cuts");
  /* "x y" with "x y", and "z w" with two of the three words "q z w". */
  CHECK(tl_split_answers(a, 3, b, 3, 2, NULL, NULL, &cut, &cut_b, &sum) == TL_OK);
  CHECK(cut == 1 && cut_b == 1 && NEAR(sum, 1 + 2.0 / 3));
  CHECK(tl_split_answers(a, 3, b, 3, 2, first_only, &calls, &cut, &cut_b, NULL) == TL_OK);
  CHECK(cut == 2 && cut_b == 1 && calls > 0);
  CHECK_ERROR(tl_split_answers(a, 3, b, 3, 2, not_a_number, NULL, &cut, &cut_b, NULL), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_split_answers(a, 3, b, 3, 4, NULL, NULL, &cut, &cut_b, NULL), TL_ERR_INVALID_ARGUMENT, "4 segments");
  CHECK_ERROR(tl_split_answers(NULL, 0, b, 3, 1, NULL, NULL, NULL, NULL, NULL), TL_ERR_INVALID_ARGUMENT, "of 0");
  CHECK_ERROR(tl_split_answers(broken, 1, b, 3, 1, NULL, NULL, NULL, NULL, NULL), TL_ERR_UTF8, "a[0]");
  CHECK_ERROR(tl_split_answers(NULL, 3, b, 3, 2, NULL, NULL, &cut, &cut_b, NULL), TL_ERR_NULL_ARGUMENT, "a is NULL");
  CHECK_ERROR(tl_split_answers(a, 3, b, 3, 2, NULL, NULL, NULL, &cut_b, NULL), TL_ERR_NULL_ARGUMENT, "out_cuts_a");
}

static void graphs(void) {
  static const double query[2] = {1, 0}, corpus[2] = {1, 1}, plan[4] = {1, 0, 0, 1}, swap[4] = {0, 1, 1, 0}, bad[2] = {NAN, 0};
  static const uint8_t one[2] = {1, 0}, two[2] = {1, 1};
  static const tl_edge path[2] = {{0, 1}, {1, 2}}, triangle[3] = {{0, 1}, {1, 2}, {0, 2}}, loop[1] = {{1, 1}};
  tl_graph_costs costs = {1, 1, 2, 3, 1};
  double out[4] = {9, 9, 9, 9};
  CHECK(tl_graph_node_scores(query, corpus, 2, 1, out) == TL_OK);
  CHECK(out[0] == 0 && out[1] == 0 && out[2] == -1 && out[3] == -1);
  CHECK_ERROR(tl_graph_node_scores(bad, corpus, 2, 1, out), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_graph_node_scores(query, corpus, 2, 0, out), TL_ERR_INVALID_ARGUMENT, "0");
  CHECK_ERROR(tl_graph_node_scores(query, corpus, (size_t)-1, 2, out), TL_ERR_INVALID_ARGUMENT, "memory");
  CHECK_ERROR(tl_graph_node_scores(query, NULL, 2, 1, out), TL_ERR_NULL_ARGUMENT, "corpus");
  CHECK_ERROR(tl_graph_node_scores(query, corpus, 2, 1, NULL), TL_ERR_NULL_ARGUMENT, "out_scores");
  /* The one edge of two nodes stays the same edge with its ends swapped. */
  CHECK(tl_graph_edge_plan(swap, 2, out) == TL_OK && out[0] == 1);
  CHECK(tl_graph_edge_plan(swap, 1, NULL) == TL_OK);
  CHECK_ERROR(tl_graph_edge_plan(swap, 129, out), TL_ERR_TOO_LARGE, "129");
  CHECK_ERROR(tl_graph_edge_plan(NULL, 2, out), TL_ERR_NULL_ARGUMENT, "nodes");
  CHECK_ERROR(tl_graph_edge_plan(swap, 2, NULL), TL_ERR_NULL_ARGUMENT, "out_plan");
  /* One node against two: one is added, at 3; the other way round one is removed, at 2. */
  for (uint32_t form = TL_GRAPH_ALIGN_DIFF; form <= TL_GRAPH_XOR; form++) {
    CHECK(tl_graph_distance(query, one, corpus, two, 2, 1, plan, 3, 2, form, out) == TL_OK && out[0] == 3);
    CHECK(tl_graph_distance(corpus, two, query, one, 2, 1, plan, 3, 2, form, out) == TL_OK && out[0] == 2);
  }
  CHECK_ERROR(tl_graph_distance(query, one, corpus, two, 2, 1, plan, 3, 2, 3, out), TL_ERR_INVALID_ARGUMENT, "form is 3");
  CHECK(out[0] == HUGE_VAL);
  CHECK_ERROR(tl_graph_distance(query, one, corpus, two, 2, 1, plan, NAN, 2, 0, out), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_graph_distance(query, NULL, corpus, two, 2, 1, plan, 3, 2, 0, out), TL_ERR_NULL_ARGUMENT, "query_real");
  CHECK_ERROR(tl_graph_distance(query, one, corpus, two, 2, 1, plan, 3, 2, 0, NULL), TL_ERR_NULL_ARGUMENT, "out_distance");
  /* A path becomes a triangle by an edge; a triangle a path by one less. */
  CHECK(tl_graph_edit_distance(path, 2, 3, triangle, 3, 3, &costs, out) == TL_OK && out[0] == 2);
  CHECK(tl_graph_edit_distance(triangle, 3, 3, path, 2, 3, &costs, out) == TL_OK && out[0] == 3);
  CHECK(tl_graph_edit_distance(NULL, 0, 0, NULL, 0, 0, &costs, out) == TL_OK && out[0] == 0);
  CHECK_ERROR(tl_graph_edit_distance(loop, 1, 3, path, 2, 3, &costs, out), TL_ERR_INVALID_ARGUMENT, "joins 1 and 1");
  CHECK(out[0] == HUGE_VAL);
  CHECK_ERROR(tl_graph_edit_distance(NULL, 0, 11, path, 2, 3, &costs, out), TL_ERR_INVALID_ARGUMENT, "at most 10");
  CHECK_ERROR(tl_graph_edit_distance(NULL, 1, 3, path, 2, 3, &costs, out), TL_ERR_NULL_ARGUMENT, "query_edges");
  CHECK_ERROR(tl_graph_edit_distance(path, 2, 3, path, 2, 3, NULL, out), TL_ERR_NULL_ARGUMENT, "costs");
  costs.edge_insert = -1;
  CHECK_ERROR(tl_graph_edit_distance(path, 2, 3, path, 2, 3, &costs, out), TL_ERR_INVALID_ARGUMENT, "-1");
}

int main(void) {
  tl_alignment *alignment = NULL;
  CHECK(tl_alignment_create(&alignment) == TL_OK);
  transport();
  permutation();
  extraction(alignment);
  two_ways(alignment);
  symmetrization(alignment);
  scores();
  mining(alignment);
  procrustes();
  sentences(alignment);
  documents(alignment);
  answers();
  graphs();
  tl_alignment_destroy(alignment);
  return check_end("aligners");
}
