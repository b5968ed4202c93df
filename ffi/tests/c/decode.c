/* Steps of decoding on numbers that can be checked by hand; no argument. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define N 4

static int near(double a, double b) { return fabs(a - b) < 1e-6; }

static void dera(void) {
  const float reference[N] = {1, 2, 3, -INFINITY}, aligned[N] = {3, 2, 1, 9};
  const float masked[N] = {-INFINITY, -INFINITY, -INFINITY, 1};
  float out[N], bad[N] = {1, NAN, 1, 1};
  uint32_t token = 9;
  CHECK(tl_decode_dera(reference, aligned, N, 0.5f, out, &token) == TL_OK);
  CHECK(out[0] == 2 && out[1] == 2 && out[2] == 2 && isinf(out[3]) && token == 0);
  CHECK(tl_decode_dera(reference, aligned, N, 2, out, &token) == TL_OK && out[0] == 5 && out[2] == -1 && token == 0);
  CHECK(tl_decode_dera(reference, aligned, N, 0, out, NULL) == TL_OK && memcmp(out, reference, sizeof out) == 0);
  CHECK(tl_decode_dera(reference, aligned, N, 1, out, NULL) == TL_OK && out[0] == 3 && isinf(out[3]));
  CHECK_ERROR(tl_decode_dera(reference, aligned, N, NAN, out, &token), TL_ERR_INVALID_ARGUMENT, "lambda");
  CHECK(isinf(out[0]) && isinf(out[2])); /* nothing to pick after a failure */
  CHECK_ERROR(tl_decode_dera(bad, aligned, N, 0.5f, out, &token), TL_ERR_INVALID_ARGUMENT, "logit 1");
  CHECK_ERROR(tl_decode_dera(reference, masked, N, 0.5f, out, &token), TL_ERR_NO_CANDIDATE, "masked");
  CHECK_ERROR(tl_decode_dera(NULL, aligned, N, 0.5f, out, &token), TL_ERR_NULL_ARGUMENT, "reference");
  CHECK_ERROR(tl_decode_dera(reference, aligned, N, 0.5f, NULL, &token), TL_ERR_NULL_ARGUMENT, "logits");
}

static void guided(tl_sampler *sampler) {
  const float logits[N] = {1, 3, 2, -INFINITY};
  const double rewards[3] = {0, 2, 1}, targets[3] = {0, 2, 3};
  uint32_t tokens[N] = {9, 9, 9, 9}, token = 9;
  double scores[3];
  CHECK(tl_sampler_candidates(sampler, logits, N, 3, tokens) == TL_OK);
  CHECK(tokens[0] == 1 && tokens[1] == 2 && tokens[2] == 0 && tokens[3] == 9);
  CHECK(tl_decode_guided(logits, N, tokens, 3, rewards, NULL, 1.5, scores, &token) == TL_OK);
  CHECK(near(scores[0], 3) && near(scores[1], 5) && near(scores[2], 2.5) && token == 2);
  CHECK(tl_decode_guided(logits, N, tokens, 3, rewards, targets, 1, scores, &token) == TL_OK);
  CHECK(near(scores[0], 3) && near(scores[1], 4) && near(scores[2], 1 + exp(1) * 3) && token == 0);
  CHECK_ERROR(tl_decode_guided(logits, N, tokens, 3, rewards, NULL, INFINITY, scores, &token), TL_ERR_INVALID_ARGUMENT, "w");
  tokens[1] = 4;
  CHECK_ERROR(tl_decode_guided(logits, N, tokens, 3, rewards, NULL, 1, scores, &token), TL_ERR_INVALID_ARGUMENT, "candidate 4");
  CHECK_ERROR(tl_decode_guided(logits, N, NULL, 3, rewards, NULL, 1, scores, &token), TL_ERR_NULL_ARGUMENT, "tokens");
  CHECK_ERROR(tl_sampler_candidates(sampler, logits, N, 0, tokens), TL_ERR_INVALID_ARGUMENT, "0 candidates");
  CHECK_ERROR(tl_sampler_candidates(sampler, logits, N, 5, tokens), TL_ERR_INVALID_ARGUMENT, "k is 5");
  CHECK_ERROR(tl_sampler_candidates(sampler, logits, N - 1, 1, tokens), TL_ERR_INVALID_ARGUMENT, "3 logits");
}

static void draws(tl_sampler *sampler) {
  /* Probabilities 0.1, 0.6, 0.3. */
  float logits[N] = {logf(0.1f), logf(0.6f), logf(0.3f), -INFINITY};
  tl_sampling sampling = TL_SAMPLING_INIT;
  uint32_t token = 9;
  double entropy = 9;
  size_t best = 9;
  const double answers[3] = {0.5, NAN, 0.7}, none[1] = {NAN};
  CHECK(tl_sampler_draw(sampler, NULL, logits, N, NAN, &token) == TL_OK && token == 1); /* greed */
  sampling.temperature = 1;
  CHECK(tl_sampler_draw(sampler, &sampling, logits, N, 0.59, &token) == TL_OK && token == 1);
  CHECK(tl_sampler_draw(sampler, &sampling, logits, N, 0.61, &token) == TL_OK && token == 2);
  CHECK(tl_sampler_draw(sampler, &sampling, logits, N, 0.91, &token) == TL_OK && token == 0);
  sampling.top_k = 2;
  CHECK(tl_sampler_draw(sampler, &sampling, logits, N, 0.99, &token) == TL_OK && token == 2);
  sampling.top_p = 0.5f;
  CHECK(tl_sampler_draw(sampler, &sampling, logits, N, 0.99, &token) == TL_OK && token == 1);
  CHECK_ERROR(tl_sampler_draw(sampler, &sampling, logits, N, 1, &token), TL_ERR_INVALID_ARGUMENT, "uniform");
  sampling.top_p = 2;
  CHECK_ERROR(tl_sampler_draw(sampler, &sampling, logits, N, 0.5, &token), TL_ERR_INVALID_ARGUMENT, "top_p is 2");
  sampling.struct_size = 1;
  CHECK_ERROR(tl_sampler_draw(sampler, &sampling, logits, N, 0.5, &token), TL_ERR_STRUCT_SIZE, "TL_SAMPLING_INIT");
  CHECK_ERROR(tl_sampler_draw(NULL, NULL, logits, N, 0.5, &token), TL_ERR_NULL_ARGUMENT, "sampler");
  CHECK(tl_decode_entropy(logits, N, &entropy) == TL_OK);
  CHECK(near(entropy, -(0.1 * log(0.1) + 0.6 * log(0.6) + 0.3 * log(0.3))));
  logits[0] = NAN;
  CHECK_ERROR(tl_decode_entropy(logits, N, &entropy), TL_ERR_INVALID_ARGUMENT, "NaN");
  CHECK_ERROR(tl_sampler_draw(sampler, NULL, logits, N, 0.5, &token), TL_ERR_INVALID_ARGUMENT, "logit 0");
  CHECK(tl_decode_best(answers, 3, &best) == TL_OK && best == 2);
  CHECK_ERROR(tl_decode_best(none, 1, &best), TL_ERR_NO_CANDIDATE, "1 scores");
  CHECK_ERROR(tl_decode_best(NULL, 0, &best), TL_ERR_NO_CANDIDATE, "0 scores");
}

/* Segments of four tokens: the entropy is always high. Rewards in turn: too low, then enough. */
static void cards(void) {
  tl_cards_options options = TL_CARDS_OPTIONS_INIT;
  tl_cards *cards = NULL;
  uint32_t tokens[16], kept = 9, next = 0, calls = 0, rejected = 0;
  options.max_tokens = 8;
  options.hard = 1;
  options.reward = 1;
  CHECK(tl_cards_create(&options, 0, &cards) == TL_OK && tl_cards_due(cards) == TL_CARDS_MODEL);
  while (tl_cards_due(cards) != TL_CARDS_DONE && calls < 100) {
    switch (tl_cards_due(cards)) {
      case TL_CARDS_MODEL: CHECK(tl_cards_entropy(cards, 9) == TL_OK); break;
      case TL_CARDS_TOKEN: CHECK(tl_cards_token(cards, next++) == TL_OK); break;
      default:
        CHECK(tl_cards_length(cards) % 4 == 0);
        /* Bars: 0.5 + 4 * 0.5 / 8 = 0.75, then 1. */
        CHECK(tl_cards_reward(cards, calls == 0 ? 0.7 : calls == 1 ? 0.8 : 1, NAN, &kept) == TL_OK);
        CHECK(kept == (calls == 0 ? TL_CARDS_REJECTED : TL_CARDS_ACCEPTED));
        rejected += kept == TL_CARDS_REJECTED;
        calls++;
    }
  }
  CHECK(calls == 3 && rejected == 1 && tl_cards_length(cards) == 8);
  CHECK(tl_cards_answer(cards, tokens, 8) == TL_OK && tokens[0] == 4 && tokens[7] == 11);
  CHECK_ERROR(tl_cards_answer(cards, tokens, 7), TL_ERR_INVALID_ARGUMENT, "has 8");
  CHECK_ERROR(tl_cards_token(cards, 1), TL_ERR_INVALID_ARGUMENT, "due");
  tl_cards_destroy(cards);
  options.beta = 0;
  CHECK_ERROR(tl_cards_create(&options, 0, &cards), TL_ERR_INVALID_ARGUMENT, "beta is 0");
  CHECK(cards == NULL);
  options.clip = 2;
  CHECK_ERROR(tl_cards_create(&options, 0, &cards), TL_ERR_INVALID_ARGUMENT, "clip is 2");
  options.struct_size = 0;
  CHECK_ERROR(tl_cards_create(&options, 0, &cards), TL_ERR_STRUCT_SIZE, "TL_CARDS_OPTIONS_INIT");
  CHECK(tl_cards_create(NULL, 0, &cards) == TL_OK && tl_cards_due(cards) == TL_CARDS_MODEL);
  CHECK_ERROR(tl_cards_reward(cards, 1, 0.5, &kept), TL_ERR_INVALID_ARGUMENT, "due");
  CHECK_ERROR(tl_cards_entropy(cards, NAN), TL_ERR_INVALID_ARGUMENT, "NaN");
  tl_cards_destroy(cards);
  tl_cards_destroy(NULL);
  CHECK(tl_cards_due(NULL) == TL_CARDS_DONE && tl_cards_length(NULL) == 0);
  CHECK_ERROR(tl_cards_entropy(NULL, 1), TL_ERR_NULL_ARGUMENT, "cards");
}

#define V 1000

static void watermarks(void) {
  tl_watermark_options options = TL_WATERMARK_OPTIONS_INIT;
  tl_watermark *mark = NULL;
  tl_sampler *sampler = NULL;
  tl_detection found;
  static float logits[V];
  uint32_t tokens[60] = {7};
  size_t green = 0;
  options.n_vocab = V;
  CHECK(tl_watermark_create(&options, &mark) == TL_OK);
  CHECK(tl_sampler_create(V, &sampler) == TL_OK);
  for (size_t at = 1; at < 60; at++) { /* A writer that always takes a green token. */
    for (size_t i = 0; i < V; i++) logits[i] = (float)((i * 37 + at * 11) % 101) / 101;
    CHECK(tl_watermark_bias(mark, tokens, at, 2, logits, V) == TL_OK);
    CHECK(tl_sampler_draw(sampler, NULL, logits, V, 0.5, &tokens[at]) == TL_OK);
  }
  for (size_t i = 0; i < V; i++) green += logits[i] >= 2;
  CHECK(green == 250);
  CHECK(tl_watermark_detect(mark, tokens, 60, 0, &found) == TL_OK);
  CHECK(found.scored == 59 && found.green == 59 && near(found.z, (59 - 0.25 * 59) / sqrt(59 * 0.25 * 0.75)));
  CHECK(found.p < 1e-20);
  CHECK_ERROR(tl_watermark_detect(mark, tokens, 1, 0, &found), TL_ERR_INVALID_ARGUMENT, "1 tokens");
  CHECK(found.scored == 0 && found.p == 1);
  CHECK_ERROR(tl_watermark_bias(mark, tokens, 0, 2, logits, V), TL_ERR_INVALID_ARGUMENT, "0 tokens of context");
  CHECK_ERROR(tl_watermark_bias(mark, tokens, 1, 2, logits, V - 1), TL_ERR_INVALID_ARGUMENT, "999");
  CHECK_ERROR(tl_watermark_bias(NULL, tokens, 1, 2, logits, V), TL_ERR_NULL_ARGUMENT, "watermark");
  tl_watermark_destroy(mark);
  tl_watermark_destroy(NULL);
  options.gamma = 1;
  CHECK_ERROR(tl_watermark_create(&options, &mark), TL_ERR_INVALID_ARGUMENT, "gamma");
  options.scheme = 3;
  CHECK_ERROR(tl_watermark_create(&options, &mark), TL_ERR_INVALID_ARGUMENT, "scheme is 3");
  CHECK_ERROR(tl_watermark_create(NULL, &mark), TL_ERR_INVALID_ARGUMENT, "vocabulary of 0");
  /* Gumbel's: the text of the key shows, and that of another does not. */
  for (size_t at = 4; at < 60; at++) {
    for (size_t i = 0; i < V; i++) logits[i] = (float)((i * 37 + at * 11) % 101) / 101;
    CHECK(tl_sampler_gumbel(sampler, logits, V, 1, 42, tokens + at - 4, 4, &tokens[at]) == TL_OK);
  }
  CHECK(tl_gumbel_detect(42, tokens, 60, 4, &found) == TL_OK && found.scored == 56 && found.z > 10 && found.p < 1e-9);
  CHECK(tl_gumbel_detect(43, tokens, 60, 4, &found) == TL_OK && found.p > 1e-6);
  CHECK_ERROR(tl_gumbel_detect(42, tokens, 4, 4, &found), TL_ERR_INVALID_ARGUMENT, "token");
  CHECK_ERROR(tl_sampler_gumbel(sampler, logits, V, 0, 42, tokens, 1, tokens), TL_ERR_INVALID_ARGUMENT, "temperature 0");
  tl_sampler_destroy(sampler);
}

static void healing(void) {
  /* "pr", "print", "in", "t", "x", a special token. */
  static const char bytes[] = "prprintintx";
  const size_t ends[6] = {2, 7, 9, 10, 11, 11}, falling[2] = {2, 1};
  const uint32_t prompt[3] = {4, 0, 2};
  tl_vocabulary *vocabulary = NULL;
  tl_healing *healing = NULL;
  size_t kept = 9;
  float logits[6] = {1, 1, 1, 1, 1, 1};
  CHECK(tl_vocabulary_create(bytes, ends, 6, &vocabulary) == TL_OK);
  CHECK(tl_healing_create(vocabulary, &healing) == TL_OK && tl_healing_remaining(healing) == 0);
  CHECK(tl_healing_mask(healing, logits, 6) == TL_OK && logits[5] == 1);
  CHECK(tl_healing_start(healing, prompt, 3, 2, &kept) == TL_OK && kept == 1 && tl_healing_remaining(healing) == 4);
  CHECK(tl_healing_mask(healing, logits, 6) == TL_OK);
  CHECK(logits[0] == 1 && logits[1] == 1 && isinf(logits[2]) && isinf(logits[3]) && isinf(logits[4]) && isinf(logits[5]));
  CHECK_ERROR(tl_healing_advance(healing, 3), TL_ERR_INVALID_ARGUMENT, "token 3");
  CHECK(tl_healing_advance(healing, 1) == TL_OK && tl_healing_remaining(healing) == 0);
  CHECK(tl_healing_start(healing, prompt, 3, 2, &kept) == TL_OK && tl_healing_advance(healing, 0) == TL_OK);
  CHECK(tl_healing_remaining(healing) == 2);
  logits[2] = -INFINITY; /* the only one that may follow */
  CHECK_ERROR(tl_healing_mask(healing, logits, 6), TL_ERR_NO_CANDIDATE, "2 bytes");
  CHECK_ERROR(tl_healing_mask(healing, logits, 5), TL_ERR_INVALID_ARGUMENT, "5 logits");
  CHECK_ERROR(tl_healing_advance(healing, 6), TL_ERR_INVALID_ARGUMENT, "token 6");
  CHECK_ERROR(tl_healing_start(healing, prompt, 3, 2, NULL), TL_ERR_NULL_ARGUMENT,
              "out_kept");
  tl_healing_destroy(healing);
  tl_healing_destroy(NULL);
  tl_vocabulary_destroy(vocabulary);
  tl_vocabulary_destroy(NULL);
  CHECK_ERROR(tl_vocabulary_create(bytes, falling, 2, &vocabulary), TL_ERR_INVALID_ARGUMENT, "token 0");
  CHECK_ERROR(tl_healing_create(NULL, &healing), TL_ERR_NULL_ARGUMENT, "vocabulary");
  CHECK(tl_healing_remaining(NULL) == 0);
}

int main(void) {
  tl_sampler *sampler = NULL;
  CHECK(tl_sampler_create(N, &sampler) == TL_OK);
  CHECK_ERROR(tl_sampler_create(0, NULL), TL_ERR_NULL_ARGUMENT, "out_sampler");
  dera();
  guided(sampler);
  draws(sampler);
  cards();
  watermarks();
  healing();
  tl_sampler_destroy(sampler);
  CHECK_ERROR(tl_sampler_create(0, &sampler), TL_ERR_INVALID_ARGUMENT, "n_vocab is 0");
  CHECK(sampler == NULL);
  tl_sampler_destroy(NULL);
  return check_end("decode");
}
