// The C++ wrapper's texts, decoding steps and scorers, on numbers that the C tests check by hand.
//
//   wrapper_steps LANGUAGE_MODEL CORRECTOR INSPECTOR
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <string>

// Each part stands alone.
#include "trueline_align.hpp"
#include "trueline_decode.hpp"
#include "trueline_write.hpp"

static int passed, failed;

static void check(bool condition, int line) {
  ++(condition ? passed : failed);
  if (!condition) std::printf("wrapper_steps.cpp:%d: not so\n", line);
}
#define CHECK(condition) check((condition), __LINE__)

static bool near(double a, double b) { return std::fabs(a - b) < 1e-6; }

// Whether a call throws this status.
template <typename Call>
static bool refuses(tl_status status, Call call) {
  try {
    call();
    return false;
  } catch (const trueline::Error &error) {
    return error.status() == status && error.what()[0] != '\0';
  }
}

static bool links_are(const trueline::Links &links, const std::vector<std::array<std::size_t, 2>> &want) {
  bool same = links.size() == want.size();
  for (std::size_t i = 0; same && i < want.size(); ++i) same = links[i].source == want[i][0] && links[i].target == want[i][1];
  return same;
}

static void writing(const trueline::Engine &engine) {
  trueline::Draft draft(engine, "host-lm");
  CHECK(draft.vocabulary() == 4096 && draft.length() == 0);
  CHECK(refuses(TL_ERR_INVALID_ARGUMENT, [&] { draft.logits(); }));
  draft.begin("the weather is");
  const std::size_t prompt = draft.length();
  trueline::Sampler sampler(draft.vocabulary());
  std::string spelled;
  bool ended = false;
  for (int i = 0; i < 12 && !ended; ++i) {
    const std::uint32_t token = sampler.draw(draft.logits(), 0.5);
    ended = draft.is_end(token);
    if (!ended) {
      spelled += draft.token(token);
      draft.step(token);
    }
  }
  CHECK(draft.length() > prompt && !spelled.empty());
  trueline::Writer writer(engine, "host-lm");
  tl_write_options options = TL_WRITE_OPTIONS_INIT;
  options.max_new_tokens = 12;
  CHECK(writer.write("the weather is", &options) == spelled);
  int pieces = 0;
  CHECK(!writer.stream("the weather is", [&pieces](std::string_view) { return ++pieces < 2; }, &options) && pieces == 2);
  // What the caller's function throws comes out, and the writer is as good as before.
  bool came = false;
  try {
    writer.stream("the weather is", [](std::string_view) { throw std::out_of_range("enough"); }, &options);
  } catch (const std::out_of_range &error) {
    came = std::string(error.what()) == "enough";
  }
  CHECK(came && writer.write("the weather is", &options) == spelled);
  draft.truncate(prompt);
  draft.append(" cold");
  CHECK(draft.length() > prompt && refuses(TL_ERR_INVALID_ARGUMENT, [&] { draft.step(trueline::Tokens()); }));
  CHECK(refuses(TL_ERR_UNAVAILABLE, [&] { trueline::Draft(engine, "corrector-test"); }));
}

static void correcting(const trueline::Engine &engine) {
  trueline::Corrector corrector(engine, "corrector-test");
  const trueline::Correction found = corrector.correct("what a lovely day", "why?");
  CHECK(found.text == "what a lovely day" && !found.changed && found.status == TL_OK && !found.reason.empty());
  CHECK(found.edits.empty() && found.accepted);
  trueline::Inspector inspector(engine, "inspector-test");
  const double aligned = inspector.inspect("what a lovely day", "why?");
  CHECK(aligned >= 0 && aligned <= 1 && refuses(TL_ERR_UTF8, [&] { inspector.inspect("\xff"); }));
  CHECK(refuses(TL_ERR_EMPTY_TEXT, [&] { corrector.correct(""); }));
}

static void pipelines(const trueline::Engine &engine) {
  const trueline::Policy policy("rules",
                                "policy = 1\nname = \"rules\"\n[[category]]\nname = \"code\"\naction = \"redact\"\n"
                                "[[regex]]\ncategory = \"code\"\npattern = \"Q[0-9]{4}\"\n");
  const trueline::Filter filter(policy);
  tl_pipeline_config config = TL_PIPELINE_CONFIG_INIT;
  config.filter = filter.get();
  trueline::Pipeline pipeline(engine, &config);
  std::string asked, shown;
  const auto model = [&asked](std::string_view request, trueline::Sink &sink) {
    asked = request;
    for (char c : std::string("All is well with Q1234.")) {
      if (!sink.push(std::string_view(&c, 1))) return;
    }
  };
  const trueline::Outcome outcome =
      pipeline.stream("What of Q1234?", model, [&shown](std::string_view text) { shown += text; });
  CHECK(asked == "What of [code]?" && outcome.text == "All is well with [code]." && shown == outcome.text);
  CHECK(outcome.action == trueline::Action::redact && !outcome.corrected && outcome.trace.size() >= 3);
  CHECK(outcome.trace[0].stage == "request_filter" && outcome.trace[0].decision == "redact");
  CHECK(outcome.trace[0].status == TL_OK && outcome.trace[0].score <= 1);
  CHECK(pipeline.answer("Q1111").text == "[code]");
  bool came = false;
  try {
    pipeline.run("well?", [](std::string_view, trueline::Sink &) { throw std::runtime_error("no model"); });
  } catch (const trueline::Error &) {
  } catch (const std::runtime_error &error) {
    came = std::string(error.what()) == "no model";
  }
  CHECK(came && pipeline.run("well?", model).text == outcome.text);
  CHECK(refuses(TL_ERR_UTF8, [&] { pipeline.run("a\xff", model); }));
  CHECK(trueline::Outcome().action == trueline::Action::block && trueline::Outcome().text.empty());
}

static void choosing() {
  const std::vector<float> plain{1, 2}, aligned{3, -2};
  CHECK((trueline::interpolate(plain, aligned, 0.25F) == std::vector<float>{1.5F, 1}));
  std::uint32_t token = 9;
  CHECK((trueline::dera(plain, aligned, 1, &token) == aligned) && token == 0);
  CHECK(refuses(TL_ERR_INVALID_ARGUMENT, [&] { trueline::dera(plain, {1.0F}, 1); }));
  CHECK(near(trueline::entropy({0.0F, 0.0F}), std::log(2.0)) && trueline::best({1.0, 3.0, 3.0}) == 1);
  const trueline::Guided guided = trueline::guided({3.0F, 2.0F, 1.0F}, {0U, 1U}, {0.0, 1.0}, 10);
  CHECK(guided.token == 1 && near(guided.scores[1], 12));
  CHECK(trueline::sample({std::log(0.1), std::log(0.6), std::log(0.3)}, 1, 0.71) == 2);
  CHECK(refuses(TL_ERR_INVALID_ARGUMENT, [] { trueline::guided({3.0F}, {0U}, {0.0, 1.0}); }));
  const trueline::Law law = trueline::best_of_law({0.5, 0.3, 0.2}, {1.0, 2.0, 2.0}, 2);
  CHECK(near(law.probabilities[1], 0.45) && near(law.win_rate, 0.625) && near(trueline::best_of_n(4).win_rate, 0.8));
  CHECK(trueline::Calibration({3.0, 1.0, 2.0, 2.0}).apply(3) == 0.875);
  CHECK(refuses(TL_ERR_INVALID_ARGUMENT, [] { trueline::Calibration(trueline::View<const double>()); }));
  CHECK(near(trueline::deal_coverage("The Blue hill's side", {"blue hill's", "the", "sid"}), 2.0 / 3));
  CHECK(trueline::deal_length("The Blue hill's side", 8) == -0.5);
  CHECK((trueline::deal_select({-1.0, -2.0, -3.0}, {0.0, 1.0, 3.0}, 1, 2) == std::vector<std::size_t>{2, 0}));
  CHECK(near(trueline::preference_margin({-10, -12, 4}, {-9, -8, 2}, 0.5).margin, 1.5));
  CHECK(trueline::conversation(TL_CONVERSATION_V6, "S", {"Hi"}) == "S\n\n# User:\nHi\n\n\n# Assistant:\n");
  // A model that counts up: the draft behind 1 becomes 2, 3, 4.
  std::vector<std::uint32_t> draft{1, 9, 9, 9};
  std::size_t calls = 0;
  const auto counts = [](trueline::Tokens tokens, trueline::View<std::uint32_t> next) {
    for (std::size_t i = 0; i < tokens.size(); ++i) next.data()[i] = tokens.data()[i] + 1;
  };
  CHECK(trueline::refine(draft, 1, 8, counts, &calls) && (draft == std::vector<std::uint32_t>{1, 2, 3, 4}) && calls <= 9);
}

static void stepping() {
  tl_watermark_options options = TL_WATERMARK_OPTIONS_INIT;
  options.n_vocab = 40;
  trueline::Watermark watermark(options);
  trueline::Sampler sampler(40);
  std::vector<std::uint32_t> text{1}, drawn{1};
  for (std::uint32_t i = 0; i < 40; ++i) {
    std::vector<float> logits(40);
    for (std::size_t t = 0; t < 40; ++t) logits[t] = static_cast<float>((t * 7 + i * 13) % 40) / 10;
    drawn.push_back(sampler.gumbel(logits, 1, 7, {drawn.back()}));
    watermark.bias({text.back()}, 20, logits);
    text.push_back(sampler.draw(logits, 0.5));
  }
  CHECK(watermark.detect(text).z > 4 && watermark.detect(drawn).z < 4 && watermark.detect(text, true).scored <= 40);
  CHECK(trueline::gumbel_detect(7, drawn, 1).p < 1e-4 && trueline::gumbel_detect(7, text, 1).scored == 40);
  std::uint32_t draw = 9;
  CHECK(trueline::gumbel_detect(7, drawn, 1, 2, &draw).p > 1e-4 && draw < 2);
  CHECK((sampler.candidates(std::vector<float>(40, 1), 2) == std::vector<std::uint32_t>{0, 1}));
  std::vector<float> few(39);
  CHECK(refuses(TL_ERR_INVALID_ARGUMENT, [&] { watermark.bias({1U}, 1, few); }));

  tl_cards_options growing = TL_CARDS_OPTIONS_INIT;
  growing.max_tokens = 2;
  growing.whole = growing.hard = 1;
  trueline::Cards cards(0, &growing);
  for (std::uint32_t next = 5; cards.due() != TL_CARDS_DONE;) {
    switch (cards.due()) {
      case TL_CARDS_MODEL:
        cards.entropy(1);
        break;
      case TL_CARDS_TOKEN:
        cards.token(next++);
        break;
      default:
        CHECK(cards.reward(9, 0.5) == TL_CARDS_ACCEPTED);
    }
  }
  CHECK((cards.answer() == std::vector<std::uint32_t>{5, 6}) && refuses(TL_ERR_INVALID_ARGUMENT, [&] { cards.token(1); }));

  const trueline::Vocabulary vocabulary({"pr", "print", "in", "t", "x"});
  trueline::Healing healing(vocabulary);
  CHECK(healing.start({4U, 0U, 2U}, 2) == 1 && healing.remaining() == 4);
  std::vector<float> logits{0, 1, 9, 9, 9};
  CHECK(healing.mask(logits) && std::isinf(logits[2]) && logits[1] == 1);
  healing.advance(1);
  CHECK(healing.remaining() == 0 && refuses(TL_ERR_INVALID_ARGUMENT, [&] { healing.advance(99); }));

  tl_deny_options bounds = TL_DENY_OPTIONS_INIT;
  bounds.min_words = 3;
  bounds.tau = 5;
  const trueline::Deny deny =
      trueline::Deny::of({"The quick brown fox jumps over the lazy dog.", "Pack my box with five dozen jugs."});
  bool all = true;
  const auto order = deny.rank({"the quick brown fox", "a new text", "pack my bag"}, {3.0, 1.0, 2.0}, &bounds, &all);
  CHECK((order == std::vector<std::size_t>{2, 1}) && !all);
  const trueline::Vocabulary words({" brown", " red"});
  trueline::Provenance provenance(deny, words, &bounds);
  provenance.start("See the quick");
  std::vector<float> next{1, 2};
  CHECK(provenance.veto({0U, 1U}, next) == 1 && std::isinf(next[0]) && next[1] == 2);
  provenance.advance(1);
}

static void scoring() {
  using Sizes = std::vector<std::size_t>;
  const double corners[4] = {0, 1, 1, 10}, alike[4] = {0.9, 0.1, 0.2, 0.8};
  CHECK(links_are(trueline::align_matrix(alike, 2), {{0, 0}, {1, 1}}));
  CHECK(refuses(TL_ERR_INVALID_ARGUMENT, [&] { trueline::align_matrix(alike, 3); }));
  const std::vector<float> source{1, 0, 0, 1}, target{0, 1, 1, 0};
  CHECK(links_are(trueline::align_vectors(source, target, 2), {{0, 1}, {1, 0}}));
  CHECK((trueline::retrieve(source, target, 2, 1) == Sizes{1, 0}) && trueline::mine(source, target, 2).size() == 2);
  CHECK(links_are(trueline::align_extract({4.0, 3.0, 0.0, 0.0, 1.0, 2.0}, 3), {{0, 0}, {0, 1}, {1, 1}, {1, 2}}));
  CHECK(links_are(trueline::align_agreement({0.8, 0.2, 0.0, 1.0}, {0.4, 0.0, 0.0, 1.0}, 2, 0.1), {{0, 0}, {1, 1}}));
  const trueline::Links one{{0, 0, 1}, {1, 1, 1}}, other{{1, 1, 1}};
  const trueline::Links both = trueline::symmetrize(TL_SYMMETRIZE_INTERSECTION, TL_ORDER_MOSES, one, other, 2, 2);
  CHECK(links_are(both, {{1, 1}}));
  const tl_scored_pair pair = trueline::scored_pair(one, other, one, 2, 2);
  const tl_link_scores scores = trueline::score_links({pair});
  CHECK(near(scores.precision, 1) && near(scores.recall, 1) && near(scores.aer, 0));
  CHECK(near(trueline::score_links_with_null({pair}).total.precision, 1));
  tl_transport_options exact = TL_TRANSPORT_OPTIONS_INIT;
  exact.method = TL_TRANSPORT_EXACT;
  const trueline::Plan plan = trueline::transport_plan(corners, 2, &exact);
  CHECK(plan.cost == 2 && plan.plan[1] == 1 && plan.plan[3] == 0);
  CHECK(refuses(TL_ERR_INVALID_ARGUMENT, [&] { trueline::transport_plan(corners, 2, &exact, {1.0}); }));
  CHECK(trueline::soft_permutation({3.0, 1.0, 0.0, 2.0}, 2, 0.5)[0] > 0.9);
  double residual = 9;
  const std::vector<double> map = trueline::procrustes({1.0, 0.0, 0.0, 1.0}, {0.0, 1.0, 1.0, 0.0}, 2, &residual);
  CHECK(near(map[1], 1) && near(map[0], 0) && near(residual, 0));
  const std::vector<tl_bead> beads = trueline::align_sentence_vectors(source, source, 1, 2);
  CHECK(!beads.empty() && beads.front().source_start == 0 && beads.back().source_end == 2 && beads.back().target_end == 2);
  CHECK(links_are(trueline::align_document_vectors(source, Sizes{1, 1}, target, Sizes{1, 1}, 2), {{0, 1}, {1, 0}}));
  CHECK((trueline::split_by_length(Sizes{5, 5, 10}, 2) == Sizes{2}));
  CHECK(refuses(TL_ERR_INVALID_ARGUMENT, [] { trueline::split_by_length(Sizes{1}, 2); }));
  CHECK((trueline::split_answers({"a b", "c"}, {"a b", "c"}, 2).a == Sizes{1}));
  const tl_edge edges[1] = {{0, 1}};
  const tl_graph_costs costs = {1, 1, 1, 1, 1};
  CHECK(trueline::graph_edit_distance(edges, 2, {}, 2, costs) == 1);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  try {
    const trueline::Pack model = trueline::Pack::open(argv[1]), corrector = trueline::Pack::open(argv[2]);
    const trueline::Pack inspector = trueline::Pack::open(argv[3]);
    const trueline::Engine engine({model.get(), corrector.get(), inspector.get()});
    writing(engine);
    correcting(engine);
    pipelines(engine);
    choosing();
    stepping();
    scoring();
  } catch (const std::exception &error) {
    std::printf("wrapper_steps.cpp: %s\n", error.what());
    ++failed;
  }
  std::printf("wrapper_steps: %d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
