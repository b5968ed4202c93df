/* What goes wrong, goes wrong with its own status and sentence, leaks nothing, and leaves the library usable.
 *
 *   misuse PACK_FOLDER BROKEN_PACKS_FOLDER
 *
 * BROKEN_PACKS_FOLDER holds packs that `cargo xtask test` spoils, each in one way.
 */
#include <stdlib.h>

#include "check.h"

static const char good[] = "a good text after every bad one";

static void null_pointers(tl_session *session, tl_engine *engine, tl_result *result) {
  tl_pack *pack = NULL;
  tl_engine *none = NULL;
  tl_session *no_session = NULL;
  const tl_pack *packs[1] = {NULL};
  tl_category category;
  tl_span span;
  CHECK_ERROR(tl_pack_open(NULL, &pack), TL_ERR_NULL_ARGUMENT, "path");
  CHECK_ERROR(tl_pack_open("x", NULL), TL_ERR_NULL_ARGUMENT, "out_pack");
  CHECK_ERROR(tl_pack_open_memory(NULL, 9, &pack), TL_ERR_NULL_ARGUMENT, "data");
  CHECK_ERROR(tl_pack_open_memory("x", 1, NULL), TL_ERR_NULL_ARGUMENT, "out_pack");
  CHECK_ERROR(tl_engine_create(NULL, NULL, 1, &none), TL_ERR_NULL_ARGUMENT, "packs");
  CHECK_ERROR(tl_engine_create(NULL, packs, 1, &none), TL_ERR_NULL_ARGUMENT, "packs[0]");
  CHECK_ERROR(tl_engine_create(NULL, packs, 0, &none), TL_ERR_INVALID_ARGUMENT, "at least one pack");
  CHECK_ERROR(tl_engine_create(NULL, packs, 1, NULL), TL_ERR_NULL_ARGUMENT, "out_engine");
  CHECK_ERROR(tl_session_create(NULL, NULL, &no_session), TL_ERR_NULL_ARGUMENT, "engine");
  CHECK_ERROR(tl_session_create(engine, NULL, NULL), TL_ERR_NULL_ARGUMENT, "out_session");
  CHECK_ERROR(tl_session_create(engine, "no-such-pack", &no_session), TL_ERR_UNAVAILABLE, "no-such-pack");
  CHECK(pack == NULL && none == NULL && no_session == NULL);
  CHECK_ERROR(tl_session_guard(NULL, NULL, good, 1, result), TL_ERR_NULL_ARGUMENT, "session");
  CHECK(tl_result_action(result, 0) == TL_ACTION_BLOCK && tl_result_risk(result, 0) == 1);
  CHECK_ERROR(tl_session_guard(session, NULL, good, 1, NULL), TL_ERR_NULL_ARGUMENT, "result");
  CHECK_ERROR(tl_session_guard(session, NULL, NULL, 7, result), TL_ERR_NULL_ARGUMENT, "text");
  CHECK(tl_result_action(result, 0) == TL_ACTION_BLOCK && tl_result_reason(result, 0) == TL_REASON_FAILED);
  CHECK_ERROR(tl_session_guard_batch(session, NULL, NULL, 2, result), TL_ERR_NULL_ARGUMENT, "texts");
  CHECK_ERROR(tl_result_create(NULL), TL_ERR_NULL_ARGUMENT, "out_result");
  CHECK_ERROR(tl_result_category(NULL, 0, 0, &category), TL_ERR_NULL_ARGUMENT, "result");
  CHECK(category.flagged == 1 && category.score == 1 && category.name[0] == '\0');
  CHECK_ERROR(tl_result_category(result, 0, 0, NULL), TL_ERR_NULL_ARGUMENT, "out_category");
  CHECK_ERROR(tl_result_span(NULL, 0, 0, &span), TL_ERR_NULL_ARGUMENT, "result");
  CHECK_ERROR(tl_result_span(result, 0, 0, NULL), TL_ERR_NULL_ARGUMENT, "out_span");
  CHECK_ERROR(tl_cancel_create(NULL), TL_ERR_NULL_ARGUMENT, "out_cancel");
  CHECK_ERROR(tl_cancel_set(NULL), TL_ERR_NULL_ARGUMENT, "cancel");
  CHECK_ERROR(tl_cancel_reset(NULL), TL_ERR_NULL_ARGUMENT, "cancel");
  CHECK_ERROR(tl_log_set(NULL, NULL, 9), TL_ERR_INVALID_ARGUMENT, "level is 9");
  CHECK(tl_result_count(NULL) == 0 && tl_result_action(NULL, 0) == TL_ACTION_BLOCK);
  CHECK(tl_result_risk(NULL, 0) == 1 && tl_result_reason(NULL, 0) == TL_REASON_FAILED);
  CHECK(tl_result_status(NULL, 0) == TL_ERR_NULL_ARGUMENT && tl_result_message(NULL, 0)[0] == '\0');
  CHECK(tl_result_category_count(NULL, 0) == 0 && tl_result_span_count(NULL, 0) == 0);
  CHECK(tl_pack_name(NULL)[0] == '\0' && tl_pack_version(NULL)[0] == '\0' && tl_pack_sha256(NULL)[0] == '\0');
  CHECK(tl_engine_isa(NULL)[0] == '\0');
  tl_pack_destroy(NULL);
  tl_engine_destroy(NULL);
  tl_session_destroy(NULL);
  tl_result_destroy(NULL);
  tl_cancel_destroy(NULL);
}

static void structs(const tl_pack *pack, tl_session *session, tl_result *result) {
  /* A caller who knows a later, longer struct: fine while its unknown bytes are 0. */
  struct {
    tl_guard_options options;
    uint64_t later;
  } grown = {TL_GUARD_OPTIONS_INIT, 0};
  tl_guard_options options = TL_GUARD_OPTIONS_INIT;
  tl_engine_config config = TL_ENGINE_CONFIG_INIT;
  tl_engine *engine = NULL;
  grown.options.struct_size = sizeof grown;
  CHECK(tl_session_guard(session, &grown.options, good, sizeof good - 1, result) == TL_OK);
  grown.later = 1;
  CHECK_ERROR(tl_session_guard(session, &grown.options, good, 4, result), TL_ERR_STRUCT_SIZE, "tl_guard_options");
  options.struct_size = 0;
  CHECK_ERROR(tl_session_guard(session, &options, good, 4, result), TL_ERR_STRUCT_SIZE, "TL_GUARD_OPTIONS_INIT");
  CHECK(tl_result_action(result, 0) == TL_ACTION_BLOCK);
  options.struct_size = 1 << 30;
  CHECK_ERROR(tl_session_guard(session, &options, good, 4, result), TL_ERR_STRUCT_SIZE, "1073741824");
  options.struct_size = sizeof options;
  options.role = 99;
  CHECK_ERROR(tl_session_guard(session, &options, good, 4, result), TL_ERR_INVALID_ARGUMENT, "role is 99");
  options.role = 0;
  options.flags = 6;
  CHECK_ERROR(tl_session_guard(session, &options, good, 4, result), TL_ERR_INVALID_ARGUMENT, "flags");
  config.struct_size = 3;
  CHECK_ERROR(tl_engine_create(&config, &pack, 1, &engine), TL_ERR_STRUCT_SIZE, "TL_ENGINE_CONFIG_INIT");
  config.struct_size = sizeof config;
  config.first_look = "nobody";
  CHECK_ERROR(tl_engine_create(&config, &pack, 1, &engine), TL_ERR_UNAVAILABLE, "nobody");
  config.first_look = NULL;
  config.backend = 77;
  CHECK_ERROR(tl_engine_create(&config, &pack, 1, &engine), TL_ERR_INVALID_ARGUMENT, "backend is 77");
  config.backend = TL_BACKEND_ORT;
  config.ort_library = "/nowhere/libonnxruntime.so";
  CHECK_ERROR(tl_engine_create(&config, &pack, 1, &engine), TL_ERR_UNAVAILABLE, "ort");
  config.backend = TL_BACKEND_DEFAULT;
  config.isa = "mmx";
  CHECK_ERROR(tl_engine_create(&config, &pack, 1, &engine), TL_ERR_INVALID_ARGUMENT, "mmx");
  config.isa = "\xff\xfe";
  CHECK_ERROR(tl_engine_create(&config, &pack, 1, &engine), TL_ERR_UTF8, "config.isa");
  CHECK(engine == NULL);
}

static void texts(tl_session *session, tl_result *result) {
  enum { TEN_MB = 10 * 1024 * 1024 };
  static const char deleted[] = "\xe2\x80\x8b\xe2\x80\x8d \n";
  char *big = malloc(TEN_MB);
  CHECK(big != NULL);
  if (big == NULL) return;
  memset(big, 'a', TEN_MB);
  CHECK_ERROR(tl_session_guard(session, NULL, "\xc3(", 2, result), TL_ERR_UTF8, "byte 0");
  CHECK(tl_session_guard(session, NULL, "", 0, result) == TL_OK && tl_result_action(result, 0) == TL_ACTION_ALLOW);
  CHECK(tl_session_guard(session, NULL, NULL, 0, result) == TL_OK && tl_result_risk(result, 0) == 0);
  CHECK_ERROR(tl_session_guard(session, NULL, deleted, sizeof deleted - 1, result), TL_ERR_EMPTY_TEXT, "8 bytes");
  CHECK_ERROR(tl_session_guard(session, NULL, big, TEN_MB, result), TL_ERR_TOO_LARGE, "10485760");
  CHECK_ERROR(tl_session_guard(session, NULL, big, SIZE_MAX, result), TL_ERR_INVALID_ARGUMENT, "text");
  CHECK(tl_result_action(result, 0) == TL_ACTION_BLOCK && tl_result_risk(result, 0) == 1);
  free(big);
}

static void indices(tl_session *session, tl_result *result) {
  tl_category category;
  tl_span span;
  CHECK(tl_session_guard(session, NULL, good, sizeof good - 1, result) == TL_OK);
  CHECK_ERROR(tl_result_category(result, 1, 0, &category), TL_ERR_INVALID_ARGUMENT, "item 1");
  CHECK_ERROR(tl_result_category(result, 0, 999, &category), TL_ERR_INVALID_ARGUMENT, "category 999");
  CHECK_ERROR(tl_result_span(result, 7, 0, &span), TL_ERR_INVALID_ARGUMENT, "item 7");
  CHECK_ERROR(tl_result_span(result, 0, 999, &span), TL_ERR_INVALID_ARGUMENT, "span 999");
  CHECK(tl_result_action(result, 1) == TL_ACTION_BLOCK && tl_result_risk(result, 1) == 1);
  CHECK(tl_result_status(result, 1) == TL_ERR_INVALID_ARGUMENT);
}

/* Opens and, if that succeeds, builds: gives the first failure. */
static tl_status load(const char *folder, const char *name) {
  char path[1024];
  tl_pack *pack = NULL;
  tl_engine *engine = NULL;
  tl_status status;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  status = tl_pack_open(path, &pack);
  if (status == TL_OK) status = tl_engine_create(NULL, (const tl_pack *const *)&pack, 1, &engine);
  CHECK(status == TL_OK || engine == NULL);
  tl_engine_destroy(engine);
  tl_pack_destroy(pack);
  return status;
}

static void packs(const char *folder) {
  tl_pack *pack = NULL;
  CHECK_ERROR(load(folder, "no-such-folder"), TL_ERR_IO, "no-such-folder");
  CHECK_ERROR(load(folder, "wrong-hash"), TL_ERR_HASH_MISMATCH, "sha256");
  CHECK_ERROR(load(folder, "unknown-field"), TL_ERR_INVALID_PACK, "treshold");
  CHECK_ERROR(load(folder, "leaves-folder"), TL_ERR_INVALID_PACK, "..");
  CHECK_ERROR(load(folder, "truncated-onnx"), TL_ERR_INVALID_MODEL, "truncated");
  CHECK_ERROR(load(folder, "hostile-onnx"), TL_ERR_INVALID_MODEL, "another file");
  CHECK_ERROR(load(folder, "garbage-onnx"), TL_ERR_INVALID_MODEL, "ONNX");
  CHECK_ERROR(load(folder, "other-tokenizer"), TL_ERR_INVALID_TOKENIZER, "tokens");
  CHECK_ERROR(load(folder, "garbage-tokenizer"), TL_ERR_INVALID_TOKENIZER, "parse");
  CHECK_ERROR(load(folder, "fewer-labels"), TL_ERR_MODEL_MISMATCH, "labels");
  CHECK_ERROR(tl_pack_open_memory("this is not a tar archive", 25, &pack), TL_ERR_INVALID_PACK, "tar");
  CHECK_ERROR(tl_pack_open_memory(NULL, 0, &pack), TL_ERR_INVALID_PACK, "tar");
  CHECK_ERROR(tl_pack_open("\xff", &pack), TL_ERR_UTF8, "path");
  CHECK(pack == NULL);
}

int main(int argc, char **argv) {
  tl_pack *pack = NULL;
  tl_engine *engine = NULL;
  tl_session *session = NULL;
  tl_result *result = NULL;
  if (argc != 3) return 2;
  CHECK(tl_pack_open(argv[1], &pack) == TL_OK);
  CHECK(tl_engine_create(NULL, (const tl_pack *const *)&pack, 1, &engine) == TL_OK);
  CHECK(tl_session_create(engine, NULL, &session) == TL_OK);
  CHECK(tl_result_create(&result) == TL_OK);
  null_pointers(session, engine, result);
  structs(pack, session, result);
  texts(session, result);
  indices(session, result);
  packs(argv[2]);
  /* After all that, a good call works. */
  CHECK(tl_session_guard(session, NULL, good, sizeof good - 1, result) == TL_OK);
  CHECK(tl_result_status(result, 0) == TL_OK && tl_result_category_count(result, 0) > 0);
  tl_result_destroy(result);
  tl_session_destroy(session);
  tl_engine_destroy(engine);
  tl_pack_destroy(pack);
  return check_end("misuse");
}
