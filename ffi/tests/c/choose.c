/* Choices among answers, preferences, copies and drafts, on numbers that can be checked by hand; no argument. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static int near(double a, double b) { return fabs(a - b) < 1e-6; }

static tl_text of(const char *text) {
  tl_text out;
  out.data = text;
  out.size = strlen(text);
  return out;
}

static void best_of(void) {
  tl_best_of found;
  const double p[3] = {0.5, 0.3, 0.2}, rewards[3] = {1, 2, 2}, none[1] = {NAN};
  double law[3], kl = 9, win = 9, u = 9;
  tl_calibration *calibration = NULL;
  const double own[4] = {3, 1, 2, 2};
  CHECK(tl_best_of_n(4, &found) == TL_OK);
  CHECK(near(found.kl_bound, log(4) - 0.75) && near(found.win_rate, 0.8));
  CHECK(near(found.gaussian_mean, 1.02937537) && near(found.gaussian_bound, sqrt(log(4) / (acos(-1) * log(2)))));
  CHECK(tl_best_of_n(1, &found) == TL_OK && found.kl_bound == 0 && found.win_rate == 0.5);
  CHECK_ERROR(tl_best_of_n(0, &found), TL_ERR_INVALID_ARGUMENT, "best of 0");
  CHECK(found.win_rate == 0);
  CHECK_ERROR(tl_best_of_n(1, NULL), TL_ERR_NULL_ARGUMENT, "out");
  /* Both draws of the first answer: 0.25; the others share 0.75 as 3 to 2. */
  CHECK(tl_best_of_law(p, rewards, 3, 2, law, &kl, &win) == TL_OK);
  CHECK(near(law[0], 0.25) && near(law[1], 0.45) && near(law[2], 0.3));
  CHECK(near(kl, 0.25 * log(0.5) + 0.75 * log(1.5)) && near(win, 0.25 * 0.25 + 0.75 * 0.75));
  CHECK(tl_best_of_law(p, rewards, 3, 1, law, NULL, NULL) == TL_OK && near(law[2], 0.2));
  CHECK_ERROR(tl_best_of_law(p, rewards, 2, 2, law, NULL, NULL), TL_ERR_INVALID_ARGUMENT, "sum to 0.8");
  CHECK_ERROR(tl_best_of_law(p, rewards, 3, 2, NULL, NULL, NULL), TL_ERR_NULL_ARGUMENT, "law");
  CHECK(tl_calibration_create(own, 4, &calibration) == TL_OK);
  CHECK(tl_calibration_apply(calibration, 2, TL_TRANSFORM_IDENTITY, 0, &u) == TL_OK && u == 0.5);
  CHECK(tl_calibration_apply(calibration, 3, TL_TRANSFORM_IDENTITY, 0, &u) == TL_OK && u == 0.875);
  CHECK(tl_calibration_apply(calibration, 0, TL_TRANSFORM_LOG, 0, &u) == TL_OK && u == -INFINITY);
  CHECK(tl_calibration_apply(calibration, 2, TL_TRANSFORM_EXPONENTIAL, -10, &u) == TL_OK && near(u, -exp(-5)));
  CHECK(tl_calibration_apply(calibration, 2, TL_TRANSFORM_NORMALISED_EXPONENTIAL, 2, &u) == TL_OK);
  CHECK(near(u, (exp(1) - 1) / 2));
  CHECK_ERROR(tl_calibration_apply(calibration, NAN, 0, 0, &u), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_calibration_apply(calibration, 1, 4, 0, &u), TL_ERR_INVALID_ARGUMENT, "transform is 4");
  CHECK_ERROR(tl_calibration_apply(calibration, 1, 2, INFINITY, &u), TL_ERR_INVALID_ARGUMENT, "t is inf");
  CHECK_ERROR(tl_calibration_apply(NULL, 1, 0, 0, &u), TL_ERR_NULL_ARGUMENT, "calibration");
  CHECK(u == 0);
  tl_calibration_destroy(calibration);
  tl_calibration_destroy(NULL);
  CHECK_ERROR(tl_calibration_create(none, 1, &calibration), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_calibration_create(own, 0, &calibration), TL_ERR_INVALID_ARGUMENT, "0 rewards");
  CHECK(calibration == NULL);
}

static void drawn(void) {
  const double scores[3] = {log(0.1), log(0.6), log(0.3)}, masked[1] = {-INFINITY};
  size_t at = 9;
  CHECK(tl_decode_sample(scores, 3, 1, 0.05, &at) == TL_OK && at == 0);
  CHECK(tl_decode_sample(scores, 3, 1, 0.11, &at) == TL_OK && at == 1);
  CHECK(tl_decode_sample(scores, 3, 1, 0.71, &at) == TL_OK && at == 2);
  CHECK(tl_decode_sample(scores, 3, 0.01, 0.99, &at) == TL_OK && at == 1);
  CHECK_ERROR(tl_decode_sample(scores, 3, 0, 0.5, &at), TL_ERR_INVALID_ARGUMENT, "temperature 0");
  CHECK_ERROR(tl_decode_sample(scores, 3, 1, 1, &at), TL_ERR_INVALID_ARGUMENT, "u is 1");
  CHECK_ERROR(tl_decode_sample(masked, 1, 1, 0.5, &at), TL_ERR_NO_CANDIDATE, "masked");
  CHECK_ERROR(tl_decode_sample(scores, 3, 1, 0.5, NULL), TL_ERR_NULL_ARGUMENT, "out_index");
}

static void deal(void) {
  static const char text[] = "The Blue hill's side";
  const tl_text keywords[3] = {of("blue hill's"), of("the"), of("sid")};
  const double likely[3] = {-1, -2, -3}, promises[3] = {0, 1, 3}, bad[3] = {0, NAN, 0};
  double share = 9, fit = 9;
  size_t kept[2] = {9, 9};
  CHECK(tl_deal_coverage(text, strlen(text), keywords, 3, &share) == TL_OK && near(share, 2.0 / 3));
  CHECK(tl_deal_coverage(text, strlen(text), NULL, 0, &share) == TL_OK && share == 1);
  CHECK_ERROR(tl_deal_coverage("\xff", 1, keywords, 3, &share), TL_ERR_UTF8, "byte 0");
  CHECK_ERROR(tl_deal_coverage(text, 1, keywords, 3, NULL), TL_ERR_NULL_ARGUMENT, "out_share");
  CHECK(tl_deal_length(text, strlen(text), 8, &fit) == TL_OK && fit == -0.5);
  CHECK_ERROR(tl_deal_length(text, strlen(text), 0, &fit), TL_ERR_INVALID_ARGUMENT, "target of 0");
  CHECK(isinf(fit));
  CHECK(tl_deal_select(likely, promises, 3, 1, 2, kept) == TL_OK && kept[0] == 2 && kept[1] == 0);
  CHECK(tl_deal_select(likely, promises, 3, 0, 2, kept) == TL_OK && kept[0] == 0 && kept[1] == 1);
  CHECK_ERROR(tl_deal_select(likely, promises, 3, 1, 4, kept), TL_ERR_INVALID_ARGUMENT, "keep is 4");
  CHECK_ERROR(tl_deal_select(likely, bad, 3, 1, 2, kept), TL_ERR_INVALID_ARGUMENT, "heuristic 1");
  CHECK_ERROR(tl_deal_select(likely, NULL, 3, 1, 2, kept), TL_ERR_NULL_ARGUMENT, "heuristics");
}

static void blended(void) {
  const float plain[2] = {1, 2}, aligned[2] = {3, -2};
  const float u[4] = {1, 2, 0, 1}, vt[4] = {3, 4, 1, 0}, sigma[1] = {0.5f}, x[2] = {1, 1};
  float out[2], weights[4] = {1, 1, 1, 1}, y[2] = {0, 0};
  const double preference[1] = {1}, other[1] = {4};
  double diagonal[2] = {9, 9};
  tl_adapter adapter = TL_ADAPTER_INIT;
  CHECK(tl_decode_interpolate(plain, aligned, 2, 0.25f, out) == TL_OK && out[0] == 1.5f && out[1] == 1);
  CHECK(tl_decode_interpolate(plain, aligned, 2, 1, out) == TL_OK && memcmp(out, aligned, sizeof out) == 0);
  CHECK_ERROR(tl_decode_interpolate(plain, aligned, 2, NAN, out), TL_ERR_INVALID_ARGUMENT, "lambda");
  CHECK_ERROR(tl_decode_interpolate(plain, NULL, 2, 1, out), TL_ERR_NULL_ARGUMENT, "aligned");
  adapter.scale = 2;
  adapter.rows = adapter.columns = 2;
  adapter.n_fixed = adapter.n_preferences = 1;
  adapter.u = u;
  adapter.vt = vt;
  adapter.sigma = sigma;
  CHECK(tl_adapter_diagonal(&adapter, preference, 0, diagonal) == TL_OK && diagonal[0] == 0.5 && diagonal[1] == 2);
  CHECK(tl_adapter_diagonal(&adapter, other, 1, diagonal) == TL_OK && diagonal[1] == 2);
  CHECK_ERROR(tl_adapter_diagonal(&adapter, other, 0, diagonal), TL_ERR_INVALID_ARGUMENT, "sum to 4");
  /* U diag Vt is [[0.5 * 1 * 3 + 2 * 2 * 1, 0.5 * 1 * 4], [2 * 1 * 1, 0]]. */
  CHECK(tl_adapter_merge(&adapter, diagonal, weights) == TL_OK);
  CHECK(weights[0] == 6.5f && weights[1] == 3 && weights[2] == 3 && weights[3] == 1);
  CHECK(tl_adapter_apply(&adapter, diagonal, x, y) == TL_OK && y[0] == 7.5f && y[1] == 2);
  CHECK_ERROR(tl_adapter_apply(&adapter, diagonal, NULL, y), TL_ERR_NULL_ARGUMENT, "x");
  CHECK_ERROR(tl_adapter_merge(NULL, diagonal, weights), TL_ERR_NULL_ARGUMENT, "adapter");
  adapter.rows = (size_t)-1;
  CHECK_ERROR(tl_adapter_merge(&adapter, diagonal, weights), TL_ERR_INVALID_ARGUMENT, "no memory");
  adapter.n_fixed = adapter.n_preferences = 0;
  CHECK_ERROR(tl_adapter_merge(&adapter, diagonal, weights), TL_ERR_INVALID_ARGUMENT, "at least one");
  adapter.struct_size = 3;
  CHECK_ERROR(tl_adapter_diagonal(&adapter, other, 0, diagonal), TL_ERR_STRUCT_SIZE, "TL_ADAPTER_INIT");
}

static void preferences(void) {
  const tl_answer chosen = {-10, -12, 4}, rejected = {-9, -8, 2}, empty = {0, 0, 0};
  const double better[3] = {1, 2, 3}, worse[3] = {0, 2, 4}, rewards[2] = {1, 3}, bad[1] = {INFINITY};
  tl_margin found;
  tl_shift shift = TL_SHIFT_INIT, before;
  double reward = 9, strict = 9, half = 9;
  CHECK(tl_preference_reward(chosen, 0.5, 0, &reward) == TL_OK && near(reward, 1));
  CHECK(tl_preference_reward(chosen, 0.5, 1, &reward) == TL_OK && near(reward, 0.25));
  CHECK_ERROR(tl_preference_reward(empty, 0.5, 0, &reward), TL_ERR_INVALID_ARGUMENT, "0 tokens");
  CHECK(reward == 0);
  CHECK(tl_preference_margin(chosen, rejected, 0.5, 0, &found) == TL_OK && near(found.margin, 1.5));
  CHECK(near(found.loss, log(1 + exp(-1.5))) && near(found.probability, 1 / (1 + exp(-1.5))));
  CHECK(tl_preference_margin(chosen, rejected, 2, 1, &found) == TL_OK && near(found.margin, 2));
  CHECK_ERROR(tl_preference_margin(chosen, rejected, 2, 2, &found), TL_ERR_INVALID_ARGUMENT, "by_length is 2");
  CHECK(found.probability == 0.5);
  CHECK_ERROR(tl_preference_margin(chosen, rejected, 2, 1, NULL), TL_ERR_NULL_ARGUMENT, "out");
  CHECK(tl_preference_accuracy(better, worse, 3, &strict, &half) == TL_OK && near(strict, 1.0 / 3) && near(half, 0.5));
  CHECK_ERROR(tl_preference_accuracy(better, worse, 0, &strict, NULL), TL_ERR_INVALID_ARGUMENT, "0 pairs");
  CHECK(tl_shift_update(&shift, rewards, 2) == TL_OK && near(shift.mean, 2) && near(shift.variance, 1) && near(shift.count, 2));
  CHECK(tl_shift_update(&shift, rewards + 1, 1) == TL_OK && near(shift.mean, 7.0 / 3) && near(shift.count, 3));
  before = shift;
  CHECK_ERROR(tl_shift_update(&shift, bad, 1), TL_ERR_INVALID_ARGUMENT, "reward 0");
  CHECK_ERROR(tl_shift_update(&shift, bad, 0), TL_ERR_INVALID_ARGUMENT, "0 rewards");
  CHECK(memcmp(&before, &shift, sizeof shift) == 0);
  shift.count = 0;
  CHECK_ERROR(tl_shift_update(&shift, rewards, 2), TL_ERR_INVALID_ARGUMENT, "TL_SHIFT_INIT");
  CHECK_ERROR(tl_shift_update(NULL, rewards, 2), TL_ERR_NULL_ARGUMENT, "shift");
}

static void copies(void) {
  const tl_text documents[2] = {of("The quick brown fox jumps over the lazy dog."), of("Pack my box with five dozen jugs.")};
  const tl_text wordless[1] = {of(" ... ")}, beams[3] = {of("a quick brown fox jumps"), of("a new text"), of("pack my bag")};
  /* "quick", " brown", " fo", "x", "es", " jumps", a special token. */
  static const char bytes[] = "quick brown foxes jumps";
  const size_t ends[7] = {5, 11, 14, 15, 17, 23, 23};
  const uint32_t tokens[3] = {3, 4, 6}, beyond[1] = {7};
  const double scores[3] = {3, 1, 2}, nan[3] = {0, NAN, 0};
  float logits[7] = {1, 1, 1, 1, 1, 1, 1};
  tl_deny_options options = TL_DENY_OPTIONS_INIT;
  tl_deny *deny = NULL, *none = NULL;
  tl_vocabulary *vocabulary = NULL;
  tl_provenance *writing = NULL;
  size_t order[3] = {9, 9, 9}, kept = 9, vetoed = 9;
  int32_t all = 9;
  options.min_words = 3;
  options.tau = 5;
  CHECK(tl_deny_create(documents, 2, &deny) == TL_OK);
  CHECK_ERROR(tl_deny_create(wordless, 1, &none), TL_ERR_EMPTY_TEXT, "no document");
  CHECK(none == NULL);
  CHECK_ERROR(tl_deny_open("/nowhere/at/all", &none), TL_ERR_IO, "/nowhere");
  CHECK_ERROR(tl_deny_open(NULL, &none), TL_ERR_NULL_ARGUMENT, "path");
  CHECK(tl_deny_rank(deny, &options, beams, scores, 3, order, &kept, &all) == TL_OK);
  CHECK(kept == 2 && order[0] == 2 && order[1] == 1 && all == 0);
  CHECK(tl_deny_rank(deny, &options, beams, scores, 1, order, &kept, &all) == TL_OK && kept == 1 && order[0] == 0 && all == 1);
  CHECK(tl_deny_rank(deny, NULL, beams, scores, 1, order, &kept, NULL) == TL_OK && kept == 1);
  CHECK_ERROR(tl_deny_rank(deny, &options, beams, nan, 3, order, &kept, &all), TL_ERR_INVALID_ARGUMENT, "score 1");
  CHECK_ERROR(tl_deny_rank(deny, &options, NULL, NULL, 0, order, &kept, &all), TL_ERR_NO_CANDIDATE, "0 texts");
  CHECK(kept == 0);
  CHECK(tl_vocabulary_create(bytes, ends, 7, &vocabulary) == TL_OK);
  CHECK(tl_provenance_create(deny, &options, vocabulary, &writing) == TL_OK);
  tl_deny_destroy(deny);
  tl_vocabulary_destroy(vocabulary); /* what was made from them keeps what it needs */
  CHECK(tl_provenance_start(writing, "See the ", 8) == TL_OK);
  CHECK(tl_provenance_advance(writing, 0) == TL_OK);
  /* The last two words before this one, and the word itself: "the quick brown". */
  logits[1] = 1;
  CHECK(tl_provenance_veto(writing, tokens, 3, logits, 7, &vetoed) == TL_OK && vetoed == 0);
  CHECK(tl_provenance_advance(writing, 1) == TL_OK && tl_provenance_advance(writing, 2) == TL_OK);
  CHECK(tl_provenance_veto(writing, tokens, 3, logits, 7, &vetoed) == TL_OK && vetoed == 1);
  CHECK(isinf(logits[3]) && logits[4] == 1 && logits[6] == 1); /* "fox" would copy, "foes" would not */
  CHECK_ERROR(tl_provenance_veto(writing, beyond, 1, logits, 7, &vetoed), TL_ERR_INVALID_ARGUMENT, "token 7");
  CHECK_ERROR(tl_provenance_veto(writing, tokens, 3, logits, 6, &vetoed), TL_ERR_INVALID_ARGUMENT, "6 logits");
  CHECK_ERROR(tl_provenance_advance(writing, 7), TL_ERR_INVALID_ARGUMENT, "token 7");
  CHECK_ERROR(tl_provenance_start(writing, "\xff", 1), TL_ERR_UTF8, "byte 0");
  CHECK_ERROR(tl_provenance_advance(NULL, 0), TL_ERR_NULL_ARGUMENT, "provenance");
  tl_provenance_destroy(writing);
  tl_provenance_destroy(NULL);
  tl_deny_destroy(NULL);
  /* A penalty instead of a veto. */
  CHECK(tl_deny_create(documents, 2, &deny) == TL_OK && tl_vocabulary_create(bytes, ends, 7, &vocabulary) == TL_OK);
  options.penalty = 0.5f;
  CHECK(tl_provenance_create(deny, &options, vocabulary, &writing) == TL_OK);
  CHECK(tl_provenance_start(writing, "quick brown fo", 14) == TL_OK);
  logits[3] = 1;
  CHECK(tl_provenance_veto(writing, tokens, 3, logits, 7, NULL) == TL_OK && logits[3] == 0.5f);
  tl_provenance_destroy(writing);
  options.penalty = NAN;
  CHECK_ERROR(tl_provenance_create(deny, &options, vocabulary, &writing), TL_ERR_INVALID_ARGUMENT, "penalty");
  options.penalty = 0;
  options.tau = -1;
  CHECK_ERROR(tl_provenance_create(deny, &options, vocabulary, &writing), TL_ERR_INVALID_ARGUMENT, "tau -1");
  options.struct_size = 1;
  CHECK_ERROR(tl_provenance_create(deny, &options, vocabulary, &writing), TL_ERR_STRUCT_SIZE, "TL_DENY_OPTIONS_INIT");
  CHECK(writing == NULL);
  tl_vocabulary_destroy(vocabulary);
  tl_deny_destroy(deny);
}

/* Each token is followed by the next number; the third run stops if it is told to. */
static int32_t count(void *user, const uint32_t *tokens, size_t n, uint32_t *next) {
  size_t *left = user;
  for (size_t i = 0; i < n; i++) next[i] = tokens[i] + 1;
  return (*left)-- == 0 ? 7 : 0;
}

static void refined(void) {
  uint32_t tokens[4] = {5, 0, 0, 0};
  size_t left = 99, calls = 9;
  int32_t converged = 9;
  CHECK(tl_decode_refine(tokens, 4, 1, 10, count, &left, &calls, &converged) == TL_OK);
  CHECK(tokens[1] == 6 && tokens[2] == 7 && tokens[3] == 8 && calls == 4 && converged == 1);
  tokens[1] = tokens[2] = tokens[3] = 0;
  CHECK(tl_decode_refine(tokens, 4, 1, 0, count, &left, &calls, &converged) == TL_OK && calls == 1 && converged == 0);
  left = 1;
  CHECK_ERROR(tl_decode_refine(tokens, 4, 1, 9, count, &left, NULL, NULL), TL_ERR_HOST, "stopped with 7");
  CHECK_ERROR(tl_decode_refine(tokens, 4, 0, 9, count, &left, NULL, NULL), TL_ERR_INVALID_ARGUMENT, "prompt of 0");
  CHECK_ERROR(tl_decode_refine(tokens, 4, 1, 9, NULL, &left, NULL, NULL), TL_ERR_NULL_ARGUMENT, "predict");
}

struct toy {
  double scores[2][2];
  size_t corrected[2][2];
};

static int32_t inspect(void *user, size_t item, double *scores, size_t n_criteria) {
  const struct toy *toy = user;
  for (size_t i = 0; i < n_criteria; i++) scores[i] = toy->scores[item][i];
  return item == 1 && toy->corrected[1][1] > 0 && toy->scores[1][1] > 2 ? 5 : 0;
}

static int32_t correct(void *user, size_t item, size_t criterion) {
  struct toy *toy = user;
  toy->scores[item][criterion] += 0.5;
  toy->corrected[item][criterion]++;
  return 0;
}

static void squads(void) {
  struct toy toy = {{{0.1, 0.2}, {0.5, 0.1}}, {{0, 0}, {0, 0}}}, nan = {{{NAN, 0.2}, {0.5, 0.1}}, {{0, 0}, {0, 0}}};
  double scores[4] = {9, 9, 9, 9};
  size_t applied = 9;
  CHECK(tl_squad_run(2, 2, 0.5, TL_ORDER_ITEM, inspect, correct, &toy, scores, &applied) == TL_OK && applied == 3);
  CHECK(toy.corrected[0][0] == 1 && toy.corrected[0][1] == 1 && toy.corrected[1][0] == 0 && toy.corrected[1][1] == 1);
  CHECK(near(scores[0], 0.6) && near(scores[1], 0.7) && near(scores[2], 0.5) && near(scores[3], 0.6));
  CHECK(tl_squad_run(2, 2, 0.5, TL_ORDER_BATCH, inspect, correct, &toy, NULL, &applied) == TL_OK && applied == 0);
  toy.scores[1][1] = 3;
  CHECK_ERROR(tl_squad_run(2, 2, 0.5, TL_ORDER_ITEM, inspect, correct, &toy, NULL, NULL), TL_ERR_HOST, "item 1");
  CHECK_ERROR(tl_squad_run(2, 2, 0.5, TL_ORDER_ITEM, inspect, correct, &nan, NULL, NULL), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_squad_run(2, 2, 0.5, 2, inspect, correct, &toy, NULL, NULL), TL_ERR_INVALID_ARGUMENT, "order is 2");
  CHECK_ERROR(tl_squad_run(2, 0, 0.5, 0, inspect, correct, &toy, NULL, NULL), TL_ERR_INVALID_ARGUMENT, "n_criteria is 0");
  CHECK_ERROR(tl_squad_run(2, 2, 0.5, 0, inspect, NULL, &toy, NULL, NULL), TL_ERR_NULL_ARGUMENT, "correct");
}

static void conversations(void) {
  const tl_text turns[3] = {of("Hi"), of("Hello."), of("Why?")};
  static const char v5[] = "S\n# User:\n\nHi\n\n\n# Assistant:\n\nHello.\n\n\n# User:\n\nWhy?\n\n\n# Assistant:\n\n";
  char bytes[256];
  size_t size = 9;
  CHECK(tl_conversation_render(TL_CONVERSATION_V5, "S", 1, turns, 3, bytes, sizeof bytes, &size) == TL_OK);
  CHECK(size == strlen(v5) && memcmp(bytes, v5, size) == 0);
  CHECK(tl_conversation_render(TL_CONVERSATION_BACKTICKS, NULL, 0, turns, 1, bytes, sizeof bytes, &size) == TL_OK);
  CHECK(size == 36 && memcmp(bytes, "\n# Query:\n```\nHi\n```\n\n# Answer:\n```\n", size) == 0);
  CHECK_ERROR(tl_conversation_render(TL_CONVERSATION_V5, "S", 1, turns, 3, bytes, 3, &size), TL_ERR_TOO_LARGE, "room for 3");
  CHECK(size == strlen(v5));
  CHECK_ERROR(tl_conversation_render(3, "S", 1, turns, 3, bytes, 3, &size), TL_ERR_INVALID_ARGUMENT, "style is 3");
  CHECK_ERROR(tl_conversation_render(0, "S", 1, turns, 2, bytes, 3, &size), TL_ERR_INVALID_ARGUMENT, "2 turns");
  CHECK_ERROR(tl_conversation_render(0, "S", 1, turns, 1, NULL, 99, &size), TL_ERR_NULL_ARGUMENT, "bytes");
  CHECK_ERROR(tl_conversation_render(0, NULL, 1, turns, 1, NULL, 99, &size), TL_ERR_NULL_ARGUMENT, "system");
}

#define V 500

/* Alignment resampling: the draws of one context differ, and the reader finds the one that was kept. */
static void resampled(void) {
  static float logits[V];
  uint32_t tokens[2][50], context[3], draw = 9;
  tl_sampler *sampler = NULL;
  tl_detection found;
  CHECK(tl_sampler_create(V, &sampler) == TL_OK);
  for (uint32_t number = 0; number < 2; number++) {
    tokens[number][0] = tokens[number][1] = 3;
    for (size_t at = 2; at < 50; at++) {
      for (size_t i = 0; i < V; i++) logits[i] = (float)((i * 37 + at * 11) % 101) / 101;
      context[0] = tokens[number][at - 2];
      context[1] = tokens[number][at - 1];
      context[2] = number;
      CHECK(tl_sampler_gumbel(sampler, logits, V, 1, 42, context, 3, &tokens[number][at]) == TL_OK);
    }
  }
  CHECK(memcmp(tokens[0], tokens[1], sizeof tokens[0]) != 0);
  CHECK(tl_gumbel_detect_draws(42, tokens[1], 50, 2, 4, &draw, &found) == TL_OK && draw == 1);
  CHECK(found.scored == 48 && found.z > 10 && found.p < 1e-9);
  CHECK(tl_gumbel_detect_draws(43, tokens[1], 50, 2, 4, NULL, &found) == TL_OK && found.p > 1e-6);
  CHECK_ERROR(tl_gumbel_detect_draws(42, tokens[1], 50, 2, 0, NULL, &found), TL_ERR_INVALID_ARGUMENT, "0 draws");
  CHECK(found.p == 1);
  CHECK_ERROR(tl_gumbel_detect_draws(42, tokens[1], 2, 2, 1, NULL, &found), TL_ERR_INVALID_ARGUMENT, "tokens");
  tl_sampler_destroy(sampler);
}

static void numbers(void) {
  const tl_deny_options deny = TL_DENY_OPTIONS_INIT;
  const tl_adapter adapter = TL_ADAPTER_INIT;
  CHECK(TL_TRANSFORM_IDENTITY == 0 && TL_TRANSFORM_LOG == 1 && TL_TRANSFORM_EXPONENTIAL == 2);
  CHECK(TL_TRANSFORM_NORMALISED_EXPONENTIAL == 3 && TL_ORDER_ITEM == 0 && TL_ORDER_BATCH == 1);
  CHECK(TL_CONVERSATION_BACKTICKS == 0 && TL_CONVERSATION_V5 == 1 && TL_CONVERSATION_V6 == 2);
  CHECK(deny.struct_size == sizeof deny && deny.min_words == 0 && deny.tau == 0 && deny.penalty == 0);
  CHECK(adapter.struct_size == sizeof adapter && adapter.rows == 0 && adapter.u == NULL && adapter.sigma == NULL);
  CHECK(sizeof(tl_answer) == 24 && sizeof(tl_margin) == 24 && sizeof(tl_shift) == 24 && sizeof(tl_best_of) == 32);
}

int main(void) {
  numbers();
  best_of();
  drawn();
  deal();
  blended();
  preferences();
  copies();
  refined();
  squads();
  conversations();
  resampled();
  return check_end("choose");
}
