// trueline.hpp: the C interface for C++17, with owning handles and exceptions. Header only; link libtrueline.
//
//   trueline::Pack pack = trueline::Pack::open("models/guard-en");
//   trueline::Engine engine(pack);
//   trueline::Session session(engine);
//   bool allowed = session.guard("What is the capital of France?").allowed();
//
// A call that fails throws trueline::Error; what was asked about then counts as blocked. Handles can be moved, not
// copied. Threads: as trueline.h says. This file has guards, filters and the words of two sentences, and includes the rest:
// trueline_write.hpp (texts: correction, writing, pipelines), trueline_decode.hpp (decoding steps on a host's numbers) and
// trueline_align.hpp (scorers of aligners on a host's numbers).
#ifndef TRUELINE_HPP
#define TRUELINE_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "trueline.h"

namespace trueline {

// A failed call: its status, and the sentence that tl_last_error gave.
class Error : public std::runtime_error {
 public:
  Error(tl_status status, const char *message) : std::runtime_error(message), status_(status) {}
  tl_status status() const noexcept { return status_; }

 private:
  tl_status status_;
};

namespace detail {

inline void check(tl_status status) {
  if (status != TL_OK) throw Error(status, tl_last_error());
}

// Calls a function of the C interface as a deleter.
template <auto Destroy>
struct Deleter {
  template <typename T>
  void operator()(T *pointer) const noexcept {
    Destroy(pointer);
  }
};

template <typename T, auto Destroy>
using Handle = std::unique_ptr<T, Deleter<Destroy>>;

// What the C interface cannot see: that two lengths which it takes as one differ.
inline void same(std::size_t found, std::size_t wanted, const char *what) {
  if (found == wanted) return;
  const std::string message = std::string(what) + ": " + std::to_string(found) + " given, " + std::to_string(wanted) + " wanted";
  throw Error(TL_ERR_INVALID_ARGUMENT, message.c_str());
}

inline tl_text text(std::string_view text) { return tl_text{text.data(), text.size()}; }

inline std::vector<tl_text> texts(const std::vector<std::string_view> &given) {
  std::vector<tl_text> out;
  out.reserve(given.size());
  for (std::string_view one : given) out.push_back(text(one));
  return out;
}

}  // namespace detail

// Numbers of the caller, in a row: a vector, an array, or a pointer with a count. They outlive the call.
template <typename T>
class View {
 public:
  View() = default;
  View(T *data, std::size_t size) : data_(data), size_(size) {}
  template <typename Row, typename = decltype(static_cast<T *>(std::declval<Row &>().data()))>
  View(Row &row) : data_(row.data()), size_(row.size()) {}
  template <typename Row, typename = decltype(static_cast<T *>(std::declval<const Row &>().data()))>
  View(const Row &row) : data_(row.data()), size_(row.size()) {}
  template <std::size_t N>
  View(T (&row)[N]) : data_(row), size_(N) {}
  // A list in the call itself.
  View(std::initializer_list<std::remove_const_t<T>> row) : View(row.begin(), row.size()) {}

  T *data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  // With so many numbers a row.
  std::size_t rows(std::size_t columns, const char *what) const {
    const std::size_t rows = columns == 0 ? 0 : size_ / columns;
    detail::same(size_, rows * columns, what);
    return rows;
  }

 private:
  T *data_ = nullptr;
  std::size_t size_ = 0;
};

// What to do with a text.
enum class Action : std::int32_t {
  block = TL_ACTION_BLOCK,
  review = TL_ACTION_REVIEW,
  correct = TL_ACTION_CORRECT,
  redact = TL_ACTION_REDACT,
  allow = TL_ACTION_ALLOW,
};

// The judgement for one category.
struct Category {
  std::string name;
  float score;
  float threshold;
  bool flagged;
};

// Where in the text a flagged category scored highest, in bytes: [start, end).
struct Span {
  std::size_t start;
  std::size_t end;
  std::string category;
  float score;
};

// What a guard decided about one text. Made without a call, it blocks.
struct Verdict {
  Action action = Action::block;
  float risk = 1.0F;
  tl_status status = TL_ERR_INTERNAL;
  std::string message;
  std::vector<Category> categories;
  std::vector<Span> spans;

  bool allowed() const noexcept { return status == TL_OK && action == Action::allow; }
};

// A model with its manifest, read and checked.
class Pack {
 public:
  // From a folder or a tar file.
  static Pack open(const std::string &path) {
    tl_pack *pack = nullptr;
    detail::check(tl_pack_open(path.c_str(), &pack));
    return Pack(pack);
  }

  // From the bytes of a tar archive, which are copied.
  static Pack from_memory(const void *data, std::size_t size) {
    tl_pack *pack = nullptr;
    detail::check(tl_pack_open_memory(data, size, &pack));
    return Pack(pack);
  }

  std::string name() const { return tl_pack_name(handle_.get()); }
  std::string version() const { return tl_pack_version(handle_.get()); }
  std::string sha256() const { return tl_pack_sha256(handle_.get()); }
  const tl_pack *get() const noexcept { return handle_.get(); }

 private:
  explicit Pack(tl_pack *pack) : handle_(pack) {}
  detail::Handle<tl_pack, tl_pack_destroy> handle_;
};

// Packs made ready to run. The packs may go once it is made.
class Engine {
 public:
  explicit Engine(const Pack &pack, const tl_engine_config *config = nullptr) : Engine({pack.get()}, config) {}

  explicit Engine(const std::vector<const tl_pack *> &packs, const tl_engine_config *config = nullptr) {
    tl_engine *engine = nullptr;
    detail::check(tl_engine_create(config, packs.data(), packs.size(), &engine));
    handle_.reset(engine);
  }

  std::string isa() const { return tl_engine_isa(handle_.get()); }
  const tl_engine *get() const noexcept { return handle_.get(); }

 private:
  detail::Handle<tl_engine, tl_engine_destroy> handle_;
};

// Ends running calls from another thread.
class Cancel {
 public:
  Cancel() {
    tl_cancel *cancel = nullptr;
    detail::check(tl_cancel_create(&cancel));
    handle_.reset(cancel);
  }

  void set() const { detail::check(tl_cancel_set(handle_.get())); }
  void reset() const { detail::check(tl_cancel_reset(handle_.get())); }
  const tl_cancel *get() const noexcept { return handle_.get(); }

 private:
  detail::Handle<tl_cancel, tl_cancel_destroy> handle_;
};

// One thread's use of an engine. The engine may go once it is made.
class Session {
 public:
  explicit Session(const Engine &engine, const char *pack = nullptr) {
    tl_session *session = nullptr;
    detail::check(tl_session_create(engine.get(), pack, &session));
    session_.reset(session);
    tl_result *result = nullptr;
    detail::check(tl_result_create(&result));
    result_.reset(result);
  }

  // Judges one text; throws Error if it cannot be judged.
  Verdict guard(std::string_view text, const tl_guard_options *options = nullptr) {
    detail::check(tl_session_guard(session_.get(), options, text.data(), text.size(), result_.get()));
    return verdict(0);
  }

  // Judges several texts. One that cannot be judged has a status and a message of its own, and blocks.
  std::vector<Verdict> guard_batch(const std::vector<std::string_view> &texts,
                                   const tl_guard_options *options = nullptr) {
    const std::vector<tl_text> given = detail::texts(texts);
    const tl_status status =
        tl_session_guard_batch(session_.get(), options, given.data(), given.size(), result_.get());
    if (tl_result_count(result_.get()) != texts.size()) detail::check(status);
    std::vector<Verdict> verdicts;
    verdicts.reserve(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) verdicts.push_back(verdict(i));
    return verdicts;
  }

 private:
  Verdict verdict(std::size_t item) const {
    const tl_result *result = result_.get();
    Verdict out;
    out.action = static_cast<Action>(tl_result_action(result, item));
    out.risk = tl_result_risk(result, item);
    out.status = tl_result_status(result, item);
    out.message = tl_result_message(result, item);
    for (std::size_t i = 0; i < tl_result_category_count(result, item); ++i) {
      tl_category category;
      detail::check(tl_result_category(result, item, i, &category));
      out.categories.push_back(Category{category.name, category.score, category.threshold, category.flagged != 0});
    }
    for (std::size_t i = 0; i < tl_result_span_count(result, item); ++i) {
      tl_span span;
      detail::check(tl_result_span(result, item, i, &span));
      out.spans.push_back(Span{span.start, span.end, span.category, span.score});
    }
    return out;
  }

  detail::Handle<tl_session, tl_session_destroy> session_;
  detail::Handle<tl_result, tl_result_destroy> result_;
};

// What a filter decided about one text.
struct Decision {
  Action action = Action::block;
  float risk = 1;
  tl_status status = TL_ERR_INVALID_ARGUMENT;
  std::string message;
  std::vector<Category> categories;
  std::vector<Span> spans;
  // The text with replacements, where the action is redact; else empty.
  std::string redacted;
};

namespace detail {

inline Decision read(const tl_decision *decision) {
  Decision out;
  out.action = static_cast<Action>(tl_decision_action(decision));
  out.risk = tl_decision_risk(decision);
  out.status = tl_decision_status(decision);
  out.message = tl_decision_message(decision);
  for (std::size_t i = 0; i < tl_decision_category_count(decision); ++i) {
    tl_category category;
    check(tl_decision_category(decision, i, &category));
    out.categories.push_back(Category{category.name, category.score, category.threshold, category.flagged != 0});
  }
  for (std::size_t i = 0; i < tl_decision_finding_count(decision); ++i) {
    tl_finding finding;
    check(tl_decision_finding(decision, i, &finding));
    out.spans.push_back(Span{finding.start, finding.end, finding.category, finding.score});
  }
  std::size_t size = 0;
  const char *text = tl_decision_redacted(decision, &size);
  out.redacted.assign(text, size);
  return out;
}

}  // namespace detail

// A policy. Immutable.
class Policy {
 public:
  explicit Policy(const char *path) {
    tl_policy *policy = nullptr;
    detail::check(tl_policy_open(path, &policy));
    policy_.reset(policy);
  }
  Policy(const char *name, std::string_view text) {
    tl_policy *policy = nullptr;
    detail::check(tl_policy_parse(name, text.data(), text.size(), &policy));
    policy_.reset(policy);
  }
  const tl_policy *get() const { return policy_.get(); }

 private:
  detail::Handle<tl_policy, tl_policy_destroy> policy_;
};

// A policy bound to a pack, or to none. Immutable.
class Filter {
 public:
  explicit Filter(const Policy &policy) { create(policy, nullptr, nullptr); }
  Filter(const Policy &policy, const Engine &engine, const char *pack = nullptr) { create(policy, engine.get(), pack); }

  // Judges one text. There is always a decision; one without a judgement has a status, a message, and the policy's action.
  Decision judge(std::string_view text, const tl_filter_options *options = nullptr) const {
    tl_decision *made = nullptr;
    detail::check(tl_decision_create(&made));
    detail::Handle<tl_decision, tl_decision_destroy> decision(made);
    (void)tl_filter_judge(filter_.get(), options, text.data(), text.size(), made);
    return detail::read(made);
  }
  const tl_filter *get() const { return filter_.get(); }

 private:
  void create(const Policy &policy, const tl_engine *engine, const char *pack) {
    tl_filter *filter = nullptr;
    detail::check(tl_filter_create(policy.get(), engine, pack, &filter));
    filter_.reset(filter);
  }

  detail::Handle<tl_filter, tl_filter_destroy> filter_;
};

// A text that comes in pieces, cut anywhere.
class Stream {
 public:
  explicit Stream(const Filter &filter, const tl_filter_options *options = nullptr) {
    tl_stream *stream = nullptr;
    detail::check(tl_stream_create(filter.get(), options, &stream));
    stream_.reset(stream);
  }

  // Takes the next bytes; throws Error if they cannot be judged, after which nothing more is released.
  tl_stream_state push(std::string_view bytes) {
    tl_stream_state state;
    detail::check(tl_stream_push(stream_.get(), bytes.data(), bytes.size(), &state));
    return state;
  }

  // What was released since the last call.
  std::string take() {
    const char *text = nullptr;
    std::size_t size = 0;
    detail::check(tl_stream_take(stream_.get(), &text, &size));
    return std::string(text, size);
  }

  // Ends the text and decides. There is always a decision.
  Decision finish() {
    tl_decision *made = nullptr;
    detail::check(tl_decision_create(&made));
    detail::Handle<tl_decision, tl_decision_destroy> decision(made);
    (void)tl_stream_finish(stream_.get(), made);
    return detail::read(made);
  }

 private:
  detail::Handle<tl_stream, tl_stream_destroy> stream_;
};

// Which words belong together, and where they stand.
struct WordAlignment {
  std::vector<tl_link> links;
  std::vector<tl_range> source, target;
};

// One thread's use of an aligner pack.
class Aligner {
 public:
  explicit Aligner(const Engine &engine, const char *pack = nullptr) {
    tl_session *session = nullptr;
    detail::check(tl_session_create(engine.get(), pack, &session));
    session_.reset(session);
    tl_alignment *alignment = nullptr;
    detail::check(tl_alignment_create(&alignment));
    alignment_.reset(alignment);
  }

  // Aligns the words of two sentences; throws Error if that cannot be done.
  WordAlignment words(std::string_view source, std::string_view target, const tl_align_options *options = nullptr) {
    detail::check(tl_session_align_words(session_.get(), options, source.data(), source.size(), target.data(),
                                         target.size(), alignment_.get()));
    WordAlignment out;
    std::size_t n = 0;
    const tl_link *links = tl_alignment_links(alignment_.get(), &n);
    out.links.assign(links, links + n);
    const tl_range *words = tl_alignment_source_words(alignment_.get(), &n);
    out.source.assign(words, words + n);
    words = tl_alignment_target_words(alignment_.get(), &n);
    out.target.assign(words, words + n);
    return out;
  }

 private:
  detail::Handle<tl_session, tl_session_destroy> session_;
  detail::Handle<tl_alignment, tl_alignment_destroy> alignment_;
};

}  // namespace trueline

#include "trueline_align.hpp"
#include "trueline_decode.hpp"
#include "trueline_write.hpp"

#endif  // TRUELINE_HPP
