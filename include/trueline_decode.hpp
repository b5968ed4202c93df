// trueline_decode.hpp: decoding steps on a host's logits, rewards and texts. Include trueline.hpp; trueline.h says what each
// call does, under the name tl_decode_..., tl_sampler_... and so on. Lengths that must agree are checked.
#ifndef TRUELINE_DECODE_HPP
#define TRUELINE_DECODE_HPP

#include <exception>

#include "trueline.hpp"

namespace trueline {

using Tokens = View<const std::uint32_t>;

// DeRa: logits between and beyond two models; `token` gets the likeliest.
inline std::vector<float> dera(View<const float> reference, View<const float> aligned, float lambda,
                               std::uint32_t *token = nullptr) {
  detail::same(aligned.size(), reference.size(), "aligned logits");
  std::vector<float> out(reference.size());
  detail::check(tl_decode_dera(reference.data(), aligned.data(), out.size(), lambda, out.data(), token));
  return out;
}

// Scores of candidates, in their order, and the one that is picked.
struct Guided {
  std::vector<double> scores;
  std::uint32_t token = 0;
};

// ARGS, and with `targets` the indirect Transfer Q*.
inline Guided guided(View<const float> logits, Tokens tokens, View<const double> rewards, double w = 1.5,
                     View<const double> targets = {}) {
  detail::same(rewards.size(), tokens.size(), "rewards");
  if (targets.data() != nullptr) detail::same(targets.size(), tokens.size(), "targets");
  Guided out;
  out.scores.resize(tokens.size());
  detail::check(tl_decode_guided(logits.data(), logits.size(), tokens.data(), tokens.size(), rewards.data(), targets.data(), w,
                                 out.scores.data(), &out.token));
  return out;
}

// In nats, of the full untempered distribution.
inline double entropy(View<const float> logits) {
  double out = 0;
  detail::check(tl_decode_entropy(logits.data(), logits.size(), &out));
  return out;
}

// Best-of-n: the place of the largest score.
inline std::size_t best(View<const double> scores) {
  std::size_t out = 0;
  detail::check(tl_decode_best(scores.data(), scores.size(), &out));
  return out;
}

// ARGS, drawn: the place of a candidate.
inline std::size_t sample(View<const double> scores, double temperature, double uniform) {
  std::size_t out = 0;
  detail::check(tl_decode_sample(scores.data(), scores.size(), temperature, uniform, &out));
  return out;
}

// CLM: embeddings between and beyond two models.
inline std::vector<float> interpolate(View<const float> unaligned, View<const float> aligned, float lambda) {
  detail::same(aligned.size(), unaligned.size(), "aligned numbers");
  std::vector<float> out(unaligned.size());
  detail::check(tl_decode_interpolate(unaligned.data(), aligned.data(), out.size(), lambda, out.data()));
  return out;
}

// Draws tokens of one vocabulary.
class Sampler {
 public:
  explicit Sampler(std::size_t n_vocab) {
    tl_sampler *sampler = nullptr;
    detail::check(tl_sampler_create(n_vocab, &sampler));
    sampler_.reset(sampler);
  }

  std::vector<std::uint32_t> candidates(View<const float> logits, std::size_t k) {
    std::vector<std::uint32_t> out(k < logits.size() ? k : logits.size());
    detail::check(tl_sampler_candidates(sampler_.get(), logits.data(), logits.size(), out.size(), out.data()));
    return out;
  }

  // By temperature, top-k and top-p; without a sampling the likeliest token.
  std::uint32_t draw(View<const float> logits, double uniform, const tl_sampling *sampling = nullptr) {
    std::uint32_t out = 0;
    detail::check(tl_sampler_draw(sampler_.get(), sampling, logits.data(), logits.size(), uniform, &out));
    return out;
  }

  // By Gumbel's watermark.
  std::uint32_t gumbel(View<const float> logits, float temperature, std::uint64_t key, Tokens context) {
    std::uint32_t out = 0;
    detail::check(tl_sampler_gumbel(sampler_.get(), logits.data(), logits.size(), temperature, key, context.data(),
                                    context.size(), &out));
    return out;
  }

 private:
  detail::Handle<tl_sampler, tl_sampler_destroy> sampler_;
};

// Judges a text by Gumbel's watermark, of which the first `width` tokens are context.
inline tl_detection gumbel_detect(std::uint64_t key, Tokens tokens, std::size_t width) {
  tl_detection out;
  detail::check(tl_gumbel_detect(key, tokens.data(), tokens.size(), width, &out));
  return out;
}

// The same of a text that is the best of `n_draws`; `draw` gets its number.
inline tl_detection gumbel_detect(std::uint64_t key, Tokens tokens, std::size_t width, std::uint32_t n_draws,
                                  std::uint32_t *draw = nullptr) {
  tl_detection out;
  detail::check(tl_gumbel_detect_draws(key, tokens.data(), tokens.size(), width, n_draws, draw, &out));
  return out;
}

// The watermark of a green list.
class Watermark {
 public:
  explicit Watermark(const tl_watermark_options &options) {
    tl_watermark *watermark = nullptr;
    detail::check(tl_watermark_create(&options, &watermark));
    watermark_.reset(watermark);
  }

  void bias(Tokens before, float delta, View<float> logits) {
    detail::check(tl_watermark_bias(watermark_.get(), before.data(), before.size(), delta, logits.data(), logits.size()));
  }
  tl_detection detect(Tokens tokens, bool distinct = false) {
    tl_detection out;
    detail::check(tl_watermark_detect(watermark_.get(), tokens.data(), tokens.size(), distinct ? 1 : 0, &out));
    return out;
  }

 private:
  detail::Handle<tl_watermark, tl_watermark_destroy> watermark_;
};

// CARDS: an answer that grows by segments.
class Cards {
 public:
  explicit Cards(double prompt_reward, const tl_cards_options *options = nullptr) {
    tl_cards *cards = nullptr;
    detail::check(tl_cards_create(options, prompt_reward, &cards));
    cards_.reset(cards);
  }

  // TL_CARDS_MODEL, TL_CARDS_TOKEN, TL_CARDS_REWARD or TL_CARDS_DONE.
  std::uint32_t due() const { return tl_cards_due(cards_.get()); }
  void entropy(double entropy) { detail::check(tl_cards_entropy(cards_.get(), entropy)); }
  void token(std::uint32_t token) { detail::check(tl_cards_token(cards_.get(), token)); }
  // TL_CARDS_REJECTED, TL_CARDS_ACCEPTED or TL_CARDS_BEST.
  std::uint32_t reward(double reward, double uniform) {
    std::uint32_t kept = 0;
    detail::check(tl_cards_reward(cards_.get(), reward, uniform, &kept));
    return kept;
  }
  // The tokens so far, those of the segment in the making among them.
  std::vector<std::uint32_t> answer() const {
    std::vector<std::uint32_t> out(tl_cards_length(cards_.get()));
    detail::check(tl_cards_answer(cards_.get(), out.data(), out.size()));
    return out;
  }

 private:
  detail::Handle<tl_cards, tl_cards_destroy> cards_;
};

// The bytes of a vocabulary's tokens; special tokens have none. Immutable.
class Vocabulary {
 public:
  explicit Vocabulary(const std::vector<std::string_view> &tokens) {
    std::string bytes;
    std::vector<std::size_t> ends;
    for (std::string_view token : tokens) {
      bytes.append(token);
      ends.push_back(bytes.size());
    }
    tl_vocabulary *vocabulary = nullptr;
    detail::check(tl_vocabulary_create(bytes.data(), ends.data(), ends.size(), &vocabulary));
    vocabulary_.reset(vocabulary);
  }
  const tl_vocabulary *get() const noexcept { return vocabulary_.get(); }

 private:
  detail::Handle<tl_vocabulary, tl_vocabulary_destroy> vocabulary_;
};

// Token alignment: the last tokens of a prompt are spelled anew. The vocabulary may go once it is made.
class Healing {
 public:
  explicit Healing(const Vocabulary &vocabulary) {
    tl_healing *healing = nullptr;
    detail::check(tl_healing_create(vocabulary.get(), &healing));
    healing_.reset(healing);
  }

  // How many tokens of the prompt stay.
  std::size_t start(Tokens prompt, std::size_t backtrack = 3) {
    std::size_t kept = 0;
    detail::check(tl_healing_start(healing_.get(), prompt.data(), prompt.size(), backtrack, &kept));
    return kept;
  }
  std::size_t remaining() const { return tl_healing_remaining(healing_.get()); }
  // False at a dead end.
  bool mask(View<float> logits) {
    const tl_status status = tl_healing_mask(healing_.get(), logits.data(), logits.size());
    if (status == TL_ERR_NO_CANDIDATE) return false;
    detail::check(status);
    return true;
  }
  void advance(std::uint32_t token) { detail::check(tl_healing_advance(healing_.get(), token)); }

 private:
  detail::Handle<tl_healing, tl_healing_destroy> healing_;
};

// An index of texts whose copies are refused. Immutable.
class Deny {
 public:
  // The file that `trueline deny` writes.
  static Deny open(const std::string &path) {
    tl_deny *deny = nullptr;
    detail::check(tl_deny_open(path.c_str(), &deny));
    return Deny(deny);
  }
  static Deny of(const std::vector<std::string_view> &documents) {
    tl_deny *deny = nullptr;
    const std::vector<tl_text> given = detail::texts(documents);
    detail::check(tl_deny_create(given.data(), given.size(), &deny));
    return Deny(deny);
  }

  // The places of the texts that stay, the best first; `all_copied` gets whether all copied.
  std::vector<std::size_t> rank(const std::vector<std::string_view> &texts, View<const double> scores,
                                const tl_deny_options *options = nullptr, bool *all_copied = nullptr) const {
    detail::same(scores.size(), texts.size(), "scores");
    const std::vector<tl_text> given = detail::texts(texts);
    std::vector<std::size_t> order(given.size());
    std::size_t kept = 0;
    std::int32_t all = 0;
    detail::check(tl_deny_rank(deny_.get(), options, given.data(), scores.data(), given.size(), order.data(), &kept, &all));
    order.resize(kept);
    if (all_copied != nullptr) *all_copied = all != 0;
    return order;
  }
  const tl_deny *get() const noexcept { return deny_.get(); }

 private:
  explicit Deny(tl_deny *deny) : deny_(deny) {}
  detail::Handle<tl_deny, tl_deny_destroy> deny_;
};

// Prov-Decode: a text whose next token must not copy the index. Both that it is made of may go.
class Provenance {
 public:
  Provenance(const Deny &deny, const Vocabulary &vocabulary, const tl_deny_options *options = nullptr) {
    tl_provenance *provenance = nullptr;
    detail::check(tl_provenance_create(deny.get(), options, vocabulary.get(), &provenance));
    provenance_.reset(provenance);
  }

  void start(std::string_view text) { detail::check(tl_provenance_start(provenance_.get(), text.data(), text.size())); }
  // How many candidates would copy.
  std::size_t veto(Tokens candidates, View<float> logits) {
    std::size_t vetoed = 0;
    detail::check(tl_provenance_veto(provenance_.get(), candidates.data(), candidates.size(), logits.data(), logits.size(),
                                     &vetoed));
    return vetoed;
  }
  void advance(std::uint32_t token) { detail::check(tl_provenance_advance(provenance_.get(), token)); }

 private:
  detail::Handle<tl_provenance, tl_provenance_destroy> provenance_;
};

// The closed forms of best-of-n.
inline tl_best_of best_of_n(std::uint64_t n) {
  tl_best_of out;
  detail::check(tl_best_of_n(n, &out));
  return out;
}

// The exact law of the best of n over a finite list of answers.
struct Law {
  std::vector<double> probabilities;
  double kl = 0;
  double win_rate = 0;
};

inline Law best_of_law(View<const double> probabilities, View<const double> rewards, std::uint64_t n) {
  detail::same(rewards.size(), probabilities.size(), "rewards");
  Law out;
  out.probabilities.resize(probabilities.size());
  detail::check(tl_best_of_law(probabilities.data(), rewards.data(), rewards.size(), n, out.probabilities.data(), &out.kl,
                               &out.win_rate));
  return out;
}

// InfAlign: rewards as shares of those of the model's own answers. Immutable.
class Calibration {
 public:
  explicit Calibration(View<const double> rewards) {
    tl_calibration *calibration = nullptr;
    detail::check(tl_calibration_create(rewards.data(), rewards.size(), &calibration));
    calibration_.reset(calibration);
  }
  double apply(double reward, std::uint32_t transform = TL_TRANSFORM_IDENTITY, double t = 0) const {
    double out = 0;
    detail::check(tl_calibration_apply(calibration_.get(), reward, transform, t, &out));
    return out;
  }

 private:
  detail::Handle<tl_calibration, tl_calibration_destroy> calibration_;
};

// DeAL: the share of keywords that a text has.
inline double deal_coverage(std::string_view text, const std::vector<std::string_view> &keywords) {
  const std::vector<tl_text> given = detail::texts(keywords);
  double out = 0;
  detail::check(tl_deal_coverage(text.data(), text.size(), given.data(), given.size(), &out));
  return out;
}

// DeAL: how well a text has a number of words; 0 is best.
inline double deal_length(std::string_view text, std::size_t target) {
  double out = 0;
  detail::check(tl_deal_length(text.data(), text.size(), target, &out));
  return out;
}

// DeAL: the beams that stay, the best first.
inline std::vector<std::size_t> deal_select(View<const double> log_probabilities, View<const double> heuristics, double alpha,
                                            std::size_t keep) {
  detail::same(heuristics.size(), log_probabilities.size(), "heuristics");
  std::vector<std::size_t> out(keep < heuristics.size() ? keep : heuristics.size());
  detail::check(tl_deal_select(log_probabilities.data(), heuristics.data(), heuristics.size(), alpha, keep, out.data()));
  return out;
}

// DPO, and LN-DPO by length.
inline tl_margin preference_margin(tl_answer chosen, tl_answer rejected, double beta, bool by_length = false) {
  tl_margin out;
  detail::check(tl_preference_margin(chosen, rejected, beta, by_length ? 1 : 0, &out));
  return out;
}

// DiffPO: a draft behind a prompt, refined in place by `predict(Tokens tokens, View<std::uint32_t> next)`; true if it is what
// the model would write by itself. What `predict` throws, this throws.
template <typename Predict>
bool refine(View<std::uint32_t> tokens, std::size_t n_prompt, std::size_t max_rounds, Predict predict,
            std::size_t *calls = nullptr) {
  struct Call {
    Predict &predict;
    std::exception_ptr what;
  } call{predict, nullptr};
  const tl_predict_fn model = [](void *user, const std::uint32_t *given, std::size_t n, std::uint32_t *next) -> std::int32_t {
    Call &call = *static_cast<Call *>(user);
    try {
      call.predict(Tokens(given, n), View<std::uint32_t>(next, n));
      return 0;
    } catch (...) {
      call.what = std::current_exception();
      return 1;
    }
  };
  std::int32_t converged = 0;
  const tl_status status =
      tl_decode_refine(tokens.data(), tokens.size(), n_prompt, max_rounds, model, &call, calls, &converged);
  if (call.what) std::rethrow_exception(call.what);
  detail::check(status);
  return converged != 0;
}

// URIAL: a conversation, the user's turns first and last, in the markers that make a base model answer.
inline std::string conversation(std::uint32_t style, std::string_view system, const std::vector<std::string_view> &turns) {
  const std::vector<tl_text> given = detail::texts(turns);
  std::string out;
  std::size_t size = 0;
  tl_status status =
      tl_conversation_render(style, system.data(), system.size(), given.data(), given.size(), nullptr, 0, &size);
  if (status == TL_ERR_TOO_LARGE) {
    out.resize(size);
    status = tl_conversation_render(style, system.data(), system.size(), given.data(), given.size(), &out[0], size, &size);
  }
  detail::check(status);
  return out;
}

}  // namespace trueline

#endif  // TRUELINE_DECODE_HPP
