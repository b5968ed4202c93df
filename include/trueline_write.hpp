// trueline_write.hpp: texts that are corrected and written, and pipelines around a host's model. Include trueline.hpp.
#ifndef TRUELINE_WRITE_HPP
#define TRUELINE_WRITE_HPP

#include <exception>

#include "trueline.hpp"

namespace trueline {

namespace detail {

// Functions of the caller behind the C interface, which must not see what they throw: the first exception is kept, the call
// ends, and `done` throws it on.
struct Thrown {
  std::exception_ptr what;

  template <typename Body>
  std::int32_t guard(std::int32_t otherwise, Body body) noexcept {
    if (what) return otherwise;
    try {
      return body();
    } catch (...) {
      what = std::current_exception();
      return otherwise;
    }
  }
  void done(tl_status status) const {
    if (what) std::rethrow_exception(what);
    check(status);
  }
};

// Whether a function that may return nothing wants to go on.
template <typename Each>
bool goes_on(Each &each, std::string_view text) {
  if constexpr (std::is_void_v<decltype(each(text))>) {
    each(text);
    return true;
  } else {
    return static_cast<bool>(each(text));
  }
}

}  // namespace detail

// What was replaced: bytes [start, end) of the original.
struct Edit {
  std::size_t start;
  std::size_t end;
  std::string replacement;
};

// What a corrector made of a text.
struct Correction {
  std::string text;
  bool changed;
  bool accepted;
  std::string reason;
  tl_status status;     // behind the reason "failed"
  double copy_ratio;    // -1 where it is not known
  std::vector<Edit> edits;
};

// One thread's use of a corrector pack.
class Corrector {
 public:
  explicit Corrector(const Engine &engine, const char *pack = nullptr) {
    tl_session *session = nullptr;
    detail::check(tl_session_create(engine.get(), pack, &session));
    session_.reset(session);
    tl_correction *correction = nullptr;
    detail::check(tl_correction_create(&correction));
    correction_.reset(correction);
  }

  // Corrects a text, the answer to a question if there is one; throws Error if it cannot be judged.
  Correction correct(std::string_view answer, std::string_view question = {}, const tl_correct_options *options = nullptr) {
    detail::check(tl_session_correct(session_.get(), options, question.data(), question.size(), answer.data(), answer.size(),
                                     correction_.get()));
    const tl_correction *found = correction_.get();
    std::size_t n = 0;
    const char *text = tl_correction_text(found, &n);
    Correction out{std::string(text, n),           tl_correction_changed(found) != 0, tl_correction_accepted(found) != 0,
                   tl_correction_reason(found),    tl_correction_status(found),       tl_correction_copy_ratio(found), {}};
    const tl_edit *edits = tl_correction_edits(found, &n);
    for (std::size_t i = 0; i < n; ++i) {
      out.edits.push_back(Edit{edits[i].start, edits[i].end, std::string(edits[i].replacement, edits[i].replacement_size)});
    }
    return out;
  }

 private:
  detail::Handle<tl_session, tl_session_destroy> session_;
  detail::Handle<tl_correction, tl_correction_destroy> correction_;
};

// One thread's use of an inspector pack.
class Inspector {
 public:
  explicit Inspector(const Engine &engine, const char *pack = nullptr) {
    tl_session *session = nullptr;
    detail::check(tl_session_create(engine.get(), pack, &session));
    session_.reset(session);
  }

  // The probability that an answer is fine as it stands.
  double inspect(std::string_view answer, std::string_view question = {}, const tl_correct_options *options = nullptr) {
    double aligned = 0;
    detail::check(tl_session_inspect(session_.get(), options, question.data(), question.size(), answer.data(), answer.size(),
                                     &aligned));
    return aligned;
  }

 private:
  detail::Handle<tl_session, tl_session_destroy> session_;
};

// One thread's use of a pack that writes, for whole texts.
class Writer {
 public:
  explicit Writer(const Engine &engine, const char *pack = nullptr) {
    tl_session *session = nullptr;
    detail::check(tl_session_create(engine.get(), pack, &session));
    session_.reset(session);
  }

  // Hands the text to `each` (std::string_view) as it is written, which may return false to stop; true if it came to its end.
  // What `each` throws, this throws.
  template <typename Each>
  bool stream(std::string_view prompt, Each each, const tl_write_options *options = nullptr) {
    struct Call {
      Each &each;
      detail::Thrown thrown;
    } call{each, {}};
    const tl_text_fn piece = [](void *user, const char *text, std::size_t size) -> std::int32_t {
      Call &call = *static_cast<Call *>(user);
      return call.thrown.guard(0, [&] { return detail::goes_on(call.each, std::string_view(text, size)) ? 1 : 0; });
    };
    std::int32_t ended = 0;
    call.thrown.done(tl_session_write(session_.get(), options, prompt.data(), prompt.size(), piece, &call, &ended));
    return ended != 0;
  }

  // The whole text at once.
  std::string write(std::string_view prompt, const tl_write_options *options = nullptr) {
    std::string out;
    stream(prompt, [&out](std::string_view piece) { out.append(piece); }, options);
    return out;
  }

 private:
  detail::Handle<tl_session, tl_session_destroy> session_;
};

// A text that a pack's model writes token by token, with a host that picks the tokens.
class Draft {
 public:
  explicit Draft(const Engine &engine, const char *pack = nullptr) {
    tl_draft *draft = nullptr;
    detail::check(tl_draft_create(engine.get(), pack, &draft));
    draft_.reset(draft);
    logits_.resize(tl_draft_vocabulary(draft));
  }

  void begin(std::string_view prompt) { detail::check(tl_draft_begin(draft_.get(), prompt.data(), prompt.size())); }
  void step(std::uint32_t token) { detail::check(tl_draft_step(draft_.get(), &token, 1)); }
  void step(View<const std::uint32_t> tokens) { detail::check(tl_draft_step(draft_.get(), tokens.data(), tokens.size())); }
  void append(std::string_view text) { detail::check(tl_draft_append(draft_.get(), text.data(), text.size())); }
  void truncate(std::size_t length) { detail::check(tl_draft_truncate(draft_.get(), length)); }

  // What may follow; of this draft, and changed by the next call. They may be changed in place: by a watermark, a mask.
  std::vector<float> &logits() {
    detail::check(tl_draft_logits(draft_.get(), logits_.data(), logits_.size()));
    return logits_;
  }
  std::size_t length() const { return tl_draft_length(draft_.get()); }
  std::size_t vocabulary() const { return logits_.size(); }
  bool is_end(std::uint32_t token) const { return tl_draft_is_end(draft_.get(), token) != 0; }

  // The bytes of a token: a part of a character at times, and none for special ones.
  std::string token(std::uint32_t token) const {
    std::string out(64, '\0');
    std::size_t size = 0;
    tl_status status = tl_draft_token(draft_.get(), token, &out[0], out.size(), &size);
    if (status == TL_ERR_TOO_LARGE) {
      out.resize(size);
      status = tl_draft_token(draft_.get(), token, &out[0], out.size(), &size);
    }
    detail::check(status);
    out.resize(size);
    return out;
  }

 private:
  detail::Handle<tl_draft, tl_draft_destroy> draft_;
  std::vector<float> logits_;
};

// A stage of a pipeline that ran.
struct Step {
  std::string stage;
  std::string decision;
  std::string who;
  double score;
  std::uint64_t microseconds;
  tl_status status;
};

// What a pipeline made of a request. Made without a call, it blocks.
struct Outcome {
  Action action = Action::block;
  bool corrected = false;
  std::string text;  // what may be shown
  std::vector<Step> trace;
};

// Takes an answer while a host's model writes it.
class Sink {
 public:
  explicit Sink(tl_sink *sink) : sink_(sink) {}
  // False if nothing more of the answer will be shown, so that the model may stop.
  bool push(std::string_view bytes) { return tl_sink_push(sink_, bytes.data(), bytes.size()) != 0; }

 private:
  tl_sink *sink_;
};

// Filters, a rewriter and correctors around a host's model. One thread uses it at a time.
class Pipeline {
 public:
  explicit Pipeline(const Engine &engine, const tl_pipeline_config *config = nullptr) {
    tl_pipeline *pipeline = nullptr;
    detail::check(tl_pipeline_create(engine.get(), config, &pipeline));
    pipeline_.reset(pipeline);
    tl_outcome *outcome = nullptr;
    detail::check(tl_outcome_create(&outcome));
    outcome_.reset(outcome);
  }

  // Takes a request through everything. `generate(std::string_view request, Sink &)` is the model; `show(std::string_view)`
  // gets what may be shown while it is written. What either throws, this throws.
  template <typename Generate, typename Show>
  Outcome stream(std::string_view request, Generate generate, Show show, const tl_pipeline_options *options = nullptr) {
    struct Call {
      Generate &generate;
      Show &show;
      detail::Thrown thrown;
    } call{generate, show, {}};
    const tl_generate_fn model = [](void *user, const char *text, std::size_t size, tl_sink *sink) -> std::int32_t {
      Call &call = *static_cast<Call *>(user);
      return call.thrown.guard(1, [&] {
        Sink into(sink);
        call.generate(std::string_view(text, size), into);
        return 0;
      });
    };
    const tl_text_fn piece = [](void *user, const char *text, std::size_t size) -> std::int32_t {
      Call &call = *static_cast<Call *>(user);
      return call.thrown.guard(0, [&] {
        call.show(std::string_view(text, size));
        return 1;
      });
    };
    call.thrown.done(tl_pipeline_run(pipeline_.get(), options, request.data(), request.size(), model, piece, &call,
                                     outcome_.get()));
    return read();
  }

  // The same, with nothing shown before the end.
  template <typename Generate>
  Outcome run(std::string_view request, Generate generate, const tl_pipeline_options *options = nullptr) {
    return stream(request, generate, [](std::string_view) {}, options);
  }

  // The part after generation, for an answer that is there already.
  Outcome answer(std::string_view answer, std::string_view request = {}, const tl_pipeline_options *options = nullptr) {
    detail::check(tl_pipeline_answer(pipeline_.get(), options, request.data(), request.size(), answer.data(), answer.size(),
                                     outcome_.get()));
    return read();
  }

 private:
  Outcome read() const {
    const tl_outcome *found = outcome_.get();
    Outcome out;
    std::size_t n = 0;
    out.action = static_cast<Action>(tl_outcome_action(found));
    out.corrected = tl_outcome_corrected(found) != 0;
    const char *text = tl_outcome_text(found, &n);
    out.text.assign(text, n);
    const tl_trace_step *steps = tl_outcome_trace(found, &n);
    for (std::size_t i = 0; i < n; ++i) {
      const tl_trace_step &step = steps[i];
      out.trace.push_back(Step{step.stage, step.decision, step.who == nullptr ? "" : step.who, step.score, step.microseconds,
                               step.status});
    }
    return out;
  }

  detail::Handle<tl_pipeline, tl_pipeline_destroy> pipeline_;
  detail::Handle<tl_outcome, tl_outcome_destroy> outcome_;
};

}  // namespace trueline

#endif  // TRUELINE_WRITE_HPP
