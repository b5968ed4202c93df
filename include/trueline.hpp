// trueline.hpp: the C interface for C++17, with owning handles and exceptions. Header only; link libtrueline.
//
//   trueline::Pack pack = trueline::Pack::open("models/guard-en");
//   trueline::Engine engine(pack);
//   trueline::Session session(engine);
//   bool allowed = session.guard("What is the capital of France?").allowed();
//
// A call that fails throws trueline::Error; what was asked about then counts as blocked. Handles can be moved, not
// copied. Threads: as trueline.h says.
#ifndef TRUELINE_HPP
#define TRUELINE_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
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

}  // namespace detail

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
    std::vector<tl_text> given;
    given.reserve(texts.size());
    for (std::string_view text : texts) given.push_back(tl_text{text.data(), text.size()});
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

}  // namespace trueline

#endif  // TRUELINE_HPP
