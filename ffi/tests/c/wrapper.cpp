// The C++ wrapper: ownership, exceptions, batches.
//
//   wrapper PACK_FOLDER
#include <cstdio>
#include <string>
#include <utility>

#include "trueline.hpp"

static int passed, failed;

static void check(bool condition, int line) {
  ++(condition ? passed : failed);
  if (!condition) std::printf("wrapper.cpp:%d: not so\n", line);
}
#define CHECK(condition) check((condition), __LINE__)

static trueline::Session make_session(const char *path) {
  trueline::Pack pack = trueline::Pack::open(path);
  CHECK(!pack.name().empty() && pack.sha256().size() == 64 && !pack.version().empty());
  trueline::Engine engine(pack);
  CHECK(!engine.isa().empty());
  return trueline::Session(engine);  // outlives its engine and pack
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 3) return 2;
  try {
    trueline::Session first = make_session(argv[1]);
    trueline::Session session = std::move(first);
    const trueline::Verdict verdict = session.guard("What is the capital of France?");
    CHECK(verdict.status == TL_OK && !verdict.categories.empty() && verdict.risk <= 1.0F);
    CHECK(verdict.allowed() == (verdict.action == trueline::Action::allow));
    const auto verdicts = session.guard_batch({"one text", "\xe2\x80\x8b", "What is the capital of France?"});
    CHECK(verdicts.size() == 3 && verdicts[1].status == TL_ERR_EMPTY_TEXT && !verdicts[1].allowed());
    CHECK(verdicts[1].risk == 1.0F && !verdicts[1].message.empty());
    CHECK(verdicts[2].risk == verdict.risk);
    CHECK(!trueline::Verdict().allowed() && trueline::Verdict().risk == 1.0F);

    trueline::Cancel cancel;
    cancel.set();
    tl_guard_options options = TL_GUARD_OPTIONS_INIT;
    options.cancel = cancel.get();
    try {
      session.guard("a text", &options);
      CHECK(false);
    } catch (const trueline::Error &error) {
      CHECK(error.status() == TL_ERR_CANCELLED && std::string(error.what()).find("cancel") != std::string::npos);
    }
    cancel.reset();
    CHECK(session.guard("a text", &options).status == TL_OK);
    try {
      trueline::Pack::open("no such folder");
      CHECK(false);
    } catch (const trueline::Error &error) {
      CHECK(error.status() == TL_ERR_IO);
    }

    const trueline::Policy policy("rules",
                                  "policy = 1\nname = \"rules\"\n[[category]]\nname = \"code\"\naction = \"redact\"\n"
                                  "[[regex]]\ncategory = \"code\"\npattern = \"Q[0-9]{4}\"\n");
    const trueline::Filter filter(policy);
    const trueline::Decision decision = filter.judge("See Q1234.");
    CHECK(decision.action == trueline::Action::redact && decision.redacted == "See [code].");
    CHECK(decision.spans.size() == 1 && decision.spans[0].start == 4 && decision.categories.size() == 1);
    CHECK(filter.judge("\xff").status == TL_ERR_UTF8 && filter.judge("\xff").action == trueline::Action::block);
    CHECK(trueline::Decision().action == trueline::Action::block && trueline::Decision().risk == 1.0F);
    trueline::Stream stream(filter);
    CHECK(stream.push("See Q1").released <= 4);
    CHECK(stream.push("234, then go.").received == 19);
    std::string shown = stream.take();
    CHECK(stream.finish().action == trueline::Action::redact);
    shown += stream.take();
    CHECK(shown == "See [code], then go.");
    if (argc == 3) {
      const trueline::Pack pack = trueline::Pack::open(argv[2]);
      const trueline::Engine engine(pack);
      trueline::Aligner aligner(engine);
      const trueline::WordAlignment found = aligner.words("abc xyz", "xyz abc");
      CHECK(found.links.size() == 2 && found.source.size() == 2 && found.target[1].start == 4);
    }
  } catch (const std::exception &error) {
    std::printf("wrapper.cpp: %s\n", error.what());
    ++failed;
  }
  std::printf("wrapper: %d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
