/* Trueline's decoding functions as a sampler of llama.cpp: one llama_sampler that heals a prompt that was cut inside a word, reranks
 * candidates by a reward (ARGS), vetoes what would copy a deny corpus (Prov-Decode), writes a watermark (KGW), and draws by
 * temperature and top-k, with uniforms that it gets from a seed, so that a run can be repeated.
 *
 * `cargo xtask llama` does all that follows, on Debian with Python 3 and a C++ compiler:
 *
 *   pip download --no-deps --no-binary llama-cpp-python llama-cpp-python     # the source package carries llama.cpp
 *   cmake -S vendor/llama.cpp -B build -DGGML_NATIVE=OFF -DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF ... && cmake --build build --target llama
 *   cargo build --release -p trueline_ffi
 *   python3 tiny_gguf.py tiny.gguf                                           # two layers of random weights
 *   c++ -std=c++17 -Iinclude -Ivendor/llama.cpp/include -Ivendor/llama.cpp/ggml/include llama_sampler.cpp \
 *       libtrueline.a libllama.a libggml.a libggml-cpu.a libggml-base.a -lm -lpthread -ldl -o llama_sampler
 *   ./llama_sampler tiny.gguf
 *
 * Written against llama-cpp-python 0.3.36. A random model writes nonsense; what is shown is that each step does what it says:
 * the program checks itself, prints a line for each step, and ends with 0 if all held. With a model of your own, take
 * `trueline_sampler` and leave the rest.
 */
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "llama.h"
#include "trueline.h"

/* A call that has to go well; llama.cpp's interface has no way to hand an error on. */
static void must(tl_status status) {
  if (status == TL_OK) return;
  std::fprintf(stderr, "trueline: %s: %s\n", tl_status_name(status), tl_last_error());
  std::abort();
}

template <class T, void (*end)(T *)>
struct ends {
  void operator()(T *object) const { end(object); }
};
template <class T, void (*end)(T *)>
using owned = std::unique_ptr<T, ends<T, end>>;

/* What a text is written with. Every part may be left out. */
struct settings {
  float temperature = 0;                                 /* 0: the likeliest token */
  uint32_t top_k = 40;                                   /* candidates that are reranked, vetoed and drawn from */
  uint64_t seed = 1;
  float delta = 0;                                       /* what the watermark adds to green tokens; 0: none */
  double weight = 0;                                     /* of the reward */
  std::function<double(llama_token)> reward;             /* of the text so far with this token */
  const tl_deny *deny = nullptr;                         /* what must not be copied */
};

/* The bytes of every token; none of control tokens. */
static owned<tl_vocabulary, tl_vocabulary_destroy> bytes_of(const llama_vocab *vocab) {
  std::string bytes;
  std::vector<size_t> ends;
  for (llama_token token = 0; token < llama_vocab_n_tokens(vocab); token++) {
    char piece[256];
    if (!llama_vocab_is_control(vocab, token)) {
      const int size = llama_token_to_piece(vocab, token, piece, sizeof piece, 0, false);
      if (size > 0) bytes.append(piece, size);
    }
    ends.push_back(bytes.size());
  }
  tl_vocabulary *out = nullptr;
  must(tl_vocabulary_create(bytes.data(), ends.data(), ends.size(), &out));
  return owned<tl_vocabulary, tl_vocabulary_destroy>(out);
}

/* The sampler's own state: everything is allocated here, and nothing in a step. */
struct state {
  const llama_vocab *vocab;
  settings set;
  owned<tl_vocabulary, tl_vocabulary_destroy> vocabulary;
  owned<tl_sampler, tl_sampler_destroy> sampler;
  owned<tl_watermark, tl_watermark_destroy> watermark;
  owned<tl_healing, tl_healing_destroy> healing;
  owned<tl_provenance, tl_provenance_destroy> provenance;
  std::vector<float> logits;
  std::vector<uint32_t> candidates, written;
  std::vector<double> rewards, scores;
  std::mt19937_64 random;

  state(const llama_vocab *vocab, const settings &set) : vocab(vocab), set(set), vocabulary(bytes_of(vocab)), random(set.seed) {
    const size_t n = llama_vocab_n_tokens(vocab), k = set.top_k < n ? set.top_k : n;
    tl_sampler *made = nullptr;
    must(tl_sampler_create(n, &made));
    sampler.reset(made);
    tl_watermark_options options = TL_WATERMARK_OPTIONS_INIT;
    options.n_vocab = (uint32_t)n;
    tl_watermark *mark = nullptr;
    must(tl_watermark_create(&options, &mark));
    watermark.reset(mark);
    tl_healing *heals = nullptr;
    must(tl_healing_create(vocabulary.get(), &heals));
    healing.reset(heals);
    if (set.deny != nullptr) {
      tl_deny_options bounds = TL_DENY_OPTIONS_INIT;
      bounds.tau = 5;
      tl_provenance *writes = nullptr;
      must(tl_provenance_create(set.deny, &bounds, vocabulary.get(), &writes));
      provenance.reset(writes);
    }
    logits.resize(n);
    candidates.resize(k);
    rewards.resize(k);
    scores.resize(k);
    written.reserve(1 << 16);
  }

  uint32_t pick() {
    const size_t n = logits.size(), k = candidates.size();
    if (set.delta != 0 && !written.empty()) must(tl_watermark_bias(watermark.get(), written.data(), written.size(), set.delta, logits.data(), n));
    /* A dead end: no token spells what is left. The prompt stays as it was cut. */
    if (tl_healing_remaining(healing.get()) > 0 && tl_healing_mask(healing.get(), logits.data(), n) != TL_OK) {
      std::fprintf(stderr, "trueline: %s\n", tl_last_error());
    }
    must(tl_sampler_candidates(sampler.get(), logits.data(), n, k, candidates.data()));
    if (provenance) must(tl_provenance_veto(provenance.get(), candidates.data(), k, logits.data(), n, nullptr));
    uint32_t token = 0;
    const double uniform = (double)((random() >> 11) + 0.5) / 9007199254740992.0;
    if (set.reward) {
      for (size_t i = 0; i < k; i++) rewards[i] = set.reward((llama_token)candidates[i]);
      must(tl_decode_guided(logits.data(), n, candidates.data(), k, rewards.data(), nullptr, set.weight, scores.data(), &token));
      if (set.temperature > 0) {
        size_t at = 0;
        must(tl_decode_sample(scores.data(), k, set.temperature, uniform, &at));
        token = candidates[at];
      }
      return token;
    }
    tl_sampling sampling = TL_SAMPLING_INIT;
    sampling.temperature = set.temperature;
    sampling.top_k = set.top_k;
    must(tl_sampler_draw(sampler.get(), &sampling, logits.data(), n, uniform, &token));
    return token;
  }
};

static state &of(const llama_sampler *sampler) { return *(state *)sampler->ctx; }

/* llama.cpp hands the logits as a list of (token, logit) in any order, with tokens that samplers before this one left out. */
static void apply(llama_sampler *sampler, llama_token_data_array *given) {
  state &own = of(sampler);
  for (float &logit : own.logits) logit = -INFINITY;
  for (size_t i = 0; i < given->size; i++) own.logits[given->data[i].id] = given->data[i].logit;
  const uint32_t token = own.pick();
  for (size_t i = 0; i < given->size; i++) {
    if ((uint32_t)given->data[i].id == token) given->selected = (int64_t)i;
  }
}

static void accept(llama_sampler *sampler, llama_token token) {
  state &own = of(sampler);
  own.written.push_back((uint32_t)token);
  if (tl_healing_remaining(own.healing.get()) > 0) must(tl_healing_advance(own.healing.get(), (uint32_t)token));
  if (own.provenance) must(tl_provenance_advance(own.provenance.get(), (uint32_t)token));
}

static void reset(llama_sampler *sampler) {
  state &own = of(sampler);
  own.written.clear();
  own.random.seed(own.set.seed);
  size_t kept = 0;
  must(tl_healing_start(own.healing.get(), nullptr, 0, 0, &kept));
  if (own.provenance) must(tl_provenance_start(own.provenance.get(), nullptr, 0));
}

static const char *name(const llama_sampler *) { return "trueline"; }
static void end(llama_sampler *sampler) { delete (state *)sampler->ctx; }

/* A sampler for a chain, which ends it. It has to be the last one: it picks the token. It cannot be cloned. */
static llama_sampler *trueline_sampler(const llama_vocab *vocab, const settings &set) {
  static llama_sampler_i interface = {};
  interface.name = name;
  interface.accept = accept;
  interface.apply = apply;
  interface.reset = reset;
  interface.free = end;
  return llama_sampler_init(&interface, new state(vocab, set));
}

/* Tells the sampler the prompt. With `heal`, its last tokens are taken back, and gives how many stay. */
static size_t begin(llama_sampler *sampler, const std::vector<llama_token> &prompt, size_t heal) {
  state &own = of(sampler);
  reset(sampler);
  own.written.assign(prompt.begin(), prompt.end());
  size_t kept = prompt.size();
  if (heal > 0) must(tl_healing_start(own.healing.get(), own.written.data(), own.written.size(), heal, &kept));
  own.written.resize(kept);
  if (own.provenance) {
    for (uint32_t token : own.written) must(tl_provenance_advance(own.provenance.get(), token));
  }
  return kept;
}

/* Everything below runs the sampler on the tiny model and checks what it does. */

struct host {
  llama_model *model = nullptr;
  const llama_vocab *vocab = nullptr;
};

static std::vector<llama_token> tokens_of(const host &host, const std::string &text) {
  std::vector<llama_token> tokens(text.size() + 8);
  tokens.resize(llama_tokenize(host.vocab, text.data(), (int32_t)text.size(), tokens.data(), (int32_t)tokens.size(), true, false));
  return tokens;
}

static std::string spelled(const host &host, const std::vector<llama_token> &tokens) {
  std::string text;
  char piece[256];
  for (llama_token token : tokens) {
    const int size = llama_token_to_piece(host.vocab, token, piece, sizeof piece, 0, false);
    if (size > 0 && !llama_vocab_is_control(host.vocab, token)) text.append(piece, size);
  }
  return text;
}

/* Writes `n` tokens after a prompt with the last sampler of a chain. */
static std::vector<llama_token> write(const host &host, std::vector<llama_token> prompt, llama_sampler *last, size_t n, size_t heal = 0,
                                      bool ours = true) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 512;
  params.n_threads = params.n_threads_batch = 1;
  llama_context *context = llama_init_from_model(host.model, params);
  if (context == nullptr) std::abort();
  llama_sampler *chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
  llama_sampler_chain_add(chain, last);
  if (ours) prompt.resize(begin(last, prompt, heal));
  std::vector<llama_token> written;
  llama_batch batch = llama_batch_get_one(prompt.data(), (int32_t)prompt.size());
  llama_token token;
  while (written.size() < n) {
    if (llama_decode(context, batch) != 0) std::abort();
    token = llama_sampler_sample(chain, context, -1); /* applies the chain, and has it accept the token */
    written.push_back(token);
    batch = llama_batch_get_one(&token, 1);
  }
  llama_sampler_free(chain);
  llama_free(context);
  return written;
}

static int failed = 0;

static void check(const char *what, bool held, const std::string &shown) {
  std::printf("%-9s %s: %s\n", held ? "ok" : "NOT SO", what, shown.c_str());
  failed += !held;
}

static double watermark_of(const host &host, const std::vector<llama_token> &tokens) {
  tl_watermark_options options = TL_WATERMARK_OPTIONS_INIT;
  options.n_vocab = (uint32_t)llama_vocab_n_tokens(host.vocab);
  tl_watermark *mark = nullptr;
  must(tl_watermark_create(&options, &mark));
  std::vector<uint32_t> ids(tokens.begin(), tokens.end());
  tl_detection found;
  must(tl_watermark_detect(mark, ids.data(), ids.size(), 0, &found));
  tl_watermark_destroy(mark);
  return found.z;
}

static void quiet(ggml_log_level level, const char *text, void *) {
  if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: llama_sampler MODEL.gguf\n");
    return 2;
  }
  llama_log_set(quiet, nullptr);
  llama_backend_init();
  host host;
  host.model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (host.model == nullptr) return 2;
  host.vocab = llama_model_get_vocab(host.model);
  const std::vector<llama_token> prompt = tokens_of(host, "see the");

  /* Greed is llama.cpp's own. */
  const auto own = write(host, prompt, llama_sampler_init_greedy(), 100, 0, false);
  const auto greedy = write(host, prompt, trueline_sampler(host.vocab, settings()), 100);
  check("greedy", own == greedy, "the 100 tokens of llama.cpp's greedy sampler");

  settings drawn;
  drawn.temperature = 1;
  const auto plain = write(host, prompt, trueline_sampler(host.vocab, drawn), 200);
  const auto again = write(host, prompt, trueline_sampler(host.vocab, drawn), 200);
  drawn.seed = 2;
  const auto other = write(host, prompt, trueline_sampler(host.vocab, drawn), 200);
  check("draw", plain == again && plain != other, "200 tokens, the same for the same seed and others for another");

  settings marked = drawn;
  marked.delta = 4;
  const auto green = write(host, prompt, trueline_sampler(host.vocab, marked), 200);
  const double without = watermark_of(host, plain), with = watermark_of(host, green);
  char line[128];
  std::snprintf(line, sizeof line, "z is %.1f of 200 tokens with a watermark, and %.1f without", with, without);
  check("watermark", with > 4 && without < 4, line);

  /* A prompt that was cut inside a word: "qui" is taken back, and what is written spells it. */
  const auto cut = tokens_of(host, "see the qui");
  const auto healed = write(host, cut, trueline_sampler(host.vocab, drawn), 12, 3);
  std::vector<llama_token> back(cut.end() - 3, cut.end());
  const std::string spells = spelled(host, back), text = spelled(host, healed);
  check("healing", text.compare(0, spells.size(), spells) == 0, "\"" + spells + "\" is spelled again by \"" + text.substr(0, spells.size()) + "...\"");

  /* A reward for the word "fox", and a corpus that must not be copied. */
  const auto run = tokens_of(host, "see the quick brown");
  const llama_token fox = tokens_of(host, "fox").back();
  settings wants;
  wants.weight = 1.5;
  wants.top_k = (uint32_t)llama_vocab_n_tokens(host.vocab);
  wants.reward = [fox](llama_token token) { return token == fox ? 100.0 : 0.0; };
  const auto rewarded = write(host, run, trueline_sampler(host.vocab, wants), 1);
  check("reward", rewarded[0] == fox, "the rewarded word follows: \"" + spelled(host, rewarded) + "\"");
  static const char corpus[] = "The quick brown fox jumps over the lazy dog and runs away.";
  const tl_text document = {corpus, sizeof corpus - 1};
  tl_deny *deny = nullptr;
  must(tl_deny_create(&document, 1, &deny));
  wants.deny = deny;
  const auto vetoed = write(host, run, trueline_sampler(host.vocab, wants), 1);
  const auto elsewhere = write(host, prompt, trueline_sampler(host.vocab, wants), 1);
  check("veto", vetoed[0] != fox && elsewhere[0] == fox, "not after \"the quick brown\", where it would copy, and elsewhere as before");
  tl_deny_destroy(deny);

  llama_model_free(host.model);
  llama_backend_free();
  std::printf("%s\n", failed == 0 ? "all steps do what they say" : "some steps do not do what they say");
  return failed == 0 ? 0 : 1;
}
