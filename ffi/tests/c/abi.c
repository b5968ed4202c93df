/* Every macro of the header, every struct's layout, and what the library that runs says of itself. */
#include <stddef.h>
#include <stdlib.h>

#include "check.h"

static void macros(void) {
  static const struct {
    tl_status status;
    tl_status number;
    const char *name;
  } errors[] = {
      {TL_OK, 0, "OK"},
      {TL_ERR_INTERNAL, -1, "INTERNAL"},
      {TL_ERR_NULL_ARGUMENT, -2, "NULL_ARGUMENT"},
      {TL_ERR_INVALID_ARGUMENT, -3, "INVALID_ARGUMENT"},
      {TL_ERR_MODEL_MISMATCH, -4, "MODEL_MISMATCH"},
      {TL_ERR_UTF8, -5, "UTF8"},
      {TL_ERR_IO, -6, "IO"},
      {TL_ERR_INVALID_PACK, -7, "INVALID_PACK"},
      {TL_ERR_HASH_MISMATCH, -8, "HASH_MISMATCH"},
      {TL_ERR_TOO_LARGE, -9, "TOO_LARGE"},
      {TL_ERR_INVALID_MODEL, -10, "INVALID_MODEL"},
      {TL_ERR_INVALID_TOKENIZER, -11, "INVALID_TOKENIZER"},
      {TL_ERR_DEADLINE_EXCEEDED, -12, "DEADLINE_EXCEEDED"},
      {TL_ERR_CANCELLED, -13, "CANCELLED"},
      {TL_ERR_UNAVAILABLE, -14, "UNAVAILABLE"},
      {TL_ERR_NO_CANDIDATE, -15, "NO_CANDIDATE"},
      {TL_ERR_EMPTY_TEXT, -16, "EMPTY_TEXT"},
      {TL_ERR_STRUCT_SIZE, -17, "STRUCT_SIZE"},
      {TL_ERR_BROKEN, -18, "BROKEN"},
      {TL_ERR_HOST, -19, "HOST"},
  };
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    CHECK(errors[i].status == errors[i].number);
    CHECK(strcmp(tl_status_name(errors[i].status), errors[i].name) == 0);
  }
  CHECK(strcmp(tl_status_name(1), "UNKNOWN") == 0);
  CHECK(strcmp(tl_status_name(-20), "UNKNOWN") == 0);
  CHECK(TL_ACTION_BLOCK == 0 && TL_ACTION_REVIEW == 1 && TL_ACTION_CORRECT == 2);
  CHECK(TL_ACTION_REDACT == 3 && TL_ACTION_ALLOW == 4);
  CHECK(TL_REASON_FAILED == 0 && TL_REASON_INVALID_SCORE == 1 && TL_REASON_FLAGGED == 2 && TL_REASON_CLEAR == 3);
  CHECK(TL_ROLE_ANY == 0 && TL_ROLE_USER == 1 && TL_ROLE_ASSISTANT == 2 && TL_ROLE_TOOL == 3);
  CHECK(TL_BACKEND_DEFAULT == 0 && TL_BACKEND_TRACT == 1 && TL_BACKEND_ORT == 2 && TL_BACKEND_PLAN == 3);
  CHECK(TL_LOG_OFF == 0 && TL_LOG_ERROR == 1 && TL_LOG_WARN == 2 && TL_LOG_INFO == 3 && TL_LOG_DEBUG == 4);
  CHECK(TL_GUARD_PARANOID == 1 && TL_GUARD_PLAIN == 2);
  CHECK(TL_TRANSPORT_UNBALANCED == 0 && TL_TRANSPORT_BALANCED == 1 && TL_TRANSPORT_PARTIAL == 2);
  CHECK(TL_TRANSPORT_EXACT == 3 && TL_EXTRACT_ABOVE == 0 && TL_EXTRACT_SELF_LABEL == 5 && TL_EXTRACT_CLAMP == 1);
  CHECK(TL_SYMMETRIZE_GROW_DIAG_FINAL_AND == 0 && TL_SYMMETRIZE_GROW_DIAG_FINAL == 7 && TL_ORDER_LILT == 2);
  CHECK(TL_MARGIN_RATIO == 0 && TL_MARGIN_ABSOLUTE == 2 && TL_MINE_GREEDY == 1 && TL_BEADS_BERTALIGN == 1);
  CHECK(TL_WORD_SCORE_LAST == 4 && TL_BOTH_AVERAGE_OF_LINKED == 3 && TL_GRAPH_XOR == 2);
}

static void layout(void) {
  tl_engine_config config = TL_ENGINE_CONFIG_INIT;
  tl_guard_options options = TL_GUARD_OPTIONS_INIT;
  CHECK(config.struct_size == sizeof(tl_engine_config) && config.backend == 0);
  CHECK(config.isa == NULL && config.ort_library == NULL);
  CHECK(options.struct_size == sizeof(tl_guard_options) && options.role == 0 && options.timeout_ms == 0);
  CHECK(options.flags == 0 && options.cancel == NULL);
  {
    tl_extract_options extract = TL_EXTRACT_OPTIONS_INIT;
    tl_transport_options transport = TL_TRANSPORT_OPTIONS_INIT;
    tl_mining_options mining = TL_MINING_OPTIONS_INIT;
    tl_bead_options beads = TL_BEAD_OPTIONS_INIT;
    CHECK(extract.struct_size == sizeof extract && extract.rounds == 0 && extract.threshold == 0);
    CHECK(transport.struct_size == sizeof transport && transport.method == 0 && transport.change == 0);
    CHECK(mining.struct_size == sizeof mining && mining.neighbours == 0 && mining.threshold == 0);
    CHECK(beads.struct_size == sizeof beads && beads.window == 0 && beads.skip == 0);
    CHECK(offsetof(tl_transport_options, epsilon) == 16 && offsetof(tl_transport_options, change) == 40);
    CHECK(offsetof(tl_extract_options, threshold) == 16 && offsetof(tl_mining_options, threshold) == 16);
    CHECK(offsetof(tl_bead_options, skip) == 24 && sizeof(tl_bead_options) == 32);
  }
  CHECK(offsetof(tl_engine_config, struct_size) == 0 && offsetof(tl_engine_config, backend) == 4);
  CHECK(offsetof(tl_engine_config, isa) == 8);
  CHECK(offsetof(tl_engine_config, ort_library) == 8 + sizeof(void *));
  CHECK(sizeof(tl_engine_config) == 16 + 3 * sizeof(void *));
  CHECK(offsetof(tl_guard_options, struct_size) == 0 && offsetof(tl_guard_options, role) == 4);
  CHECK(offsetof(tl_guard_options, timeout_ms) == 8 && offsetof(tl_guard_options, flags) == 12);
  CHECK(offsetof(tl_guard_options, cancel) == 16 && sizeof(tl_guard_options) == 16 + sizeof(void *));
  CHECK(offsetof(tl_text, data) == 0 && offsetof(tl_text, size) == sizeof(void *));
  CHECK(offsetof(tl_category, name) == 0 && offsetof(tl_category, score) == sizeof(void *));
  CHECK(offsetof(tl_category, threshold) == sizeof(void *) + 4);
  CHECK(offsetof(tl_category, flagged) == sizeof(void *) + 8);
  CHECK(offsetof(tl_span, start) == 0 && offsetof(tl_span, end) == sizeof(size_t));
  CHECK(offsetof(tl_span, category) == 2 * sizeof(size_t) && offsetof(tl_span, score) == 3 * sizeof(size_t));
}

static void versions(void) {
  char text[64];
  snprintf(text, sizeof text, "%d.%d.%d", TL_VERSION_MAJOR, TL_VERSION_MINOR, TL_VERSION_PATCH);
  CHECK(strcmp(tl_version(), text) == 0);
  CHECK(tl_abi_version() == TL_ABI_VERSION);
  CHECK(strstr(tl_cpu_features(), "scalar") != NULL);
  CHECK(tl_last_error()[0] == '\0'); /* nothing has failed yet */
}

int main(void) {
  versions();
  macros();
  layout();
  return check_end("abi");
}
