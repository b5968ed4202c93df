/* trueline.h: aligner and safety-filter models on the device. Made from ffi/src by `cargo xtask header`.
 *
 *   #include "trueline.h"
 *
 *   tl_pack *pack = NULL; tl_engine *engine = NULL; tl_session *session = NULL; tl_result *result = NULL;
 *   tl_status status = tl_pack_open("models/guard-en", &pack);
 *   if (status == TL_OK) status = tl_engine_create(NULL, (const tl_pack *const *)&pack, 1, &engine);
 *   if (status == TL_OK) status = tl_session_create(engine, NULL, &session);
 *   if (status == TL_OK) status = tl_result_create(&result);
 *   if (status == TL_OK) status = tl_session_guard(session, NULL, text, text_size, result);
 *   if (status != TL_OK) fprintf(stderr, "%s: %s\n", tl_status_name(status), tl_last_error());
 *   allowed = tl_result_action(result, 0) == TL_ACTION_ALLOW;
 *   tl_result_destroy(result); tl_session_destroy(session); tl_engine_destroy(engine); tl_pack_destroy(pack);
 *
 * Threads: a tl_pack and a tl_engine are immutable; share them freely. A tl_session and a tl_result are used by one
 * thread at a time. A tl_cancel may be set by any thread at any time.
 * `const T *` = read only, may run concurrently; `T *` = exclusive.
 * Ownership: what tl_X_create or tl_X_open returns is yours; end it once with tl_X_destroy (NULL is fine).
 * Arguments are not kept after the call. Text is UTF-8 with a length in bytes and need not end in NUL; paths and names
 * are UTF-8 and end in NUL; offsets are bytes.
 * Errors: every fallible call returns a tl_status, and tl_last_error() gives the sentence. On failure nothing is leaked,
 * handles are NULL, counts are 0, and a text that was not judged reads as "block, risk 1": who ignores the status does
 * not read "safe". For the same reason the action 0 is TL_ACTION_BLOCK.
 * The library writes nothing to standard output or standard error, and no panic leaves it. */

#ifndef TRUELINE_H
#define TRUELINE_H

#include <stddef.h>
#include <stdint.h>

/**
 * Version of the C ABI that this header describes. It changes when a program built against an older header would
 * no longer work.
 */
#define TL_ABI_VERSION 0

/** The library version's first number. */
#define TL_VERSION_MAJOR 0

/** The library version's second number. */
#define TL_VERSION_MINOR 1

/** The library version's third number. */
#define TL_VERSION_PATCH 0

/** No messages. */
#define TL_LOG_OFF 0

/** Faults. */
#define TL_LOG_ERROR 1

/** What may surprise. */
#define TL_LOG_WARN 2

/** What was loaded and chosen. */
#define TL_LOG_INFO 3

/** Details for finding a fault. */
#define TL_LOG_DEBUG 4

/** A compiled plan where the whole graph has one, else tract. */
#define TL_BACKEND_DEFAULT 0

/** tract: any ONNX file, in pure Rust. */
#define TL_BACKEND_TRACT 1

/** ONNX Runtime, loaded at run time; only in builds with the feature `ort`. */
#define TL_BACKEND_ORT 2

/** A compiled plan, and no other: a graph that has none is refused, with the operator that stands in the way. */
#define TL_BACKEND_PLAN 3

/** Any role: every category is judged. */
#define TL_ROLE_ANY 0

/** A person's request. */
#define TL_ROLE_USER 1

/** A language model's answer. */
#define TL_ROLE_ASSISTANT 2

/** Text that came from a tool or a document. */
#define TL_ROLE_TOOL 3

/** Judge the text as it was given, too, beside its canonical form, and take the larger score. */
#define TL_GUARD_PARANOID 1

/**
 * Judge the text alone, and not what it hides in base64, hexadecimal, percent signs or tag characters, nor what it says once
 * look-alike letters, leetspeak, spaced letters and words in two halves are undone. A text without a disguise is judged alike.
 */
#define TL_GUARD_PLAIN 2

/** Do not pass the text on. 0, so that memory nobody wrote to never reads as an allowing verdict. */
#define TL_ACTION_BLOCK 0

/** Have a person look at it. */
#define TL_ACTION_REVIEW 1

/** Pass on a corrected text. */
#define TL_ACTION_CORRECT 2

/** Pass it on without the spans. */
#define TL_ACTION_REDACT 3

/** Pass it on. */
#define TL_ACTION_ALLOW 4

/** No judgement was made: tl_result_status says why. */
#define TL_REASON_FAILED 0

/** A score is not a number, so that no threshold can be trusted. */
#define TL_REASON_INVALID_SCORE 1

/** A category reached its threshold. */
#define TL_REASON_FLAGGED 2

/** No category reached its threshold. */
#define TL_REASON_CLEAR 3

/** Bytes of a decision's record. */
#define TL_RECORD_BYTES 640

/** A category found it by a model's score for a window or a sentence. */
#define TL_FOUND_BY_MODEL 0

/** A rule matched there. */
#define TL_FOUND_BY_RULE 1

/** Best for each other: the most precise, and the default. */
#define TL_ALIGN_ARGMAX 0

/** The same again among what is left: more links. */
#define TL_ALIGN_ITERMAX 1

/** One partner each, of the greatest sum: the most links. */
#define TL_ALIGN_MATCH 2

/** The best target of each source. */
#define TL_ALIGN_FORWARD 3

/** The best source of each target. */
#define TL_ALIGN_REVERSE 4

/** Probable both ways, by softmax. */
#define TL_ALIGN_SOFTMAX 5

/** Probable both ways, by 1.5-entmax. */
#define TL_ALIGN_ENTMAX 6

/** Match words by the means of their pieces, not pieces. */
#define TL_ALIGN_WHOLE_WORDS 1

/** Scores above `threshold`: for transport plans (1e-6 for exact ones) and agreements; the default. */
#define TL_EXTRACT_ABOVE 0

/** Scores of at least `threshold`. */
#define TL_EXTRACT_AT_LEAST 1

/** The best targets of each source, all that share the maximum. */
#define TL_EXTRACT_BEST 2

/** Scores of at least the share `threshold`, from 0 to 1, of the source's best. */
#define TL_EXTRACT_SHARE_OF_SOURCE 3

/** The same share of the target's best. */
#define TL_EXTRACT_SHARE_OF_TARGET 4

/** Best for each other after a few rounds of Sinkhorn on raw products (XLM-Align). */
#define TL_EXTRACT_SELF_LABEL 5

/** Products below 1e-6 count as that. For TL_EXTRACT_SELF_LABEL. */
#define TL_EXTRACT_CLAMP 1

/** The largest probability of a word's tokens; the default. */
#define TL_WORD_SCORE_MAX 0

/** Their mean. */
#define TL_WORD_SCORE_MEAN 1

/** The smallest. */
#define TL_WORD_SCORE_MIN 2

/** That of the first token. */
#define TL_WORD_SCORE_FIRST 3

/** That of the last. */
#define TL_WORD_SCORE_LAST 4

/** The mean of both directions exceeds the threshold; the default. */
#define TL_BOTH_AVERAGE 0

/** One of them does. */
#define TL_BOTH_UNION 1

/** Both do. */
#define TL_BOTH_INTERSECTION 2

/** The mean of those that do, the others counting as 0, does. */
#define TL_BOTH_AVERAGE_OF_LINKED 3

/**
 * From links in both sets to their neighbours, also across corners, then links of which neither word has one; the usual
 * choice.
 */
#define TL_SYMMETRIZE_GROW_DIAG_FINAL_AND 0

/** Links in both. */
#define TL_SYMMETRIZE_INTERSECTION 1

/** Links in either. */
#define TL_SYMMETRIZE_UNION 2

/** From links in both to their neighbours. */
#define TL_SYMMETRIZE_GROW 3

/** That, then links of which a word has none. */
#define TL_SYMMETRIZE_GROW_FINAL 4

/** Neighbours, then links of which neither word has one. */
#define TL_SYMMETRIZE_GROW_FINAL_AND 5

/** From links in both to their neighbours, also across corners. */
#define TL_SYMMETRIZE_GROW_DIAG 6

/** That, then links of which a word has none. */
#define TL_SYMMETRIZE_GROW_DIAG_FINAL 7

/** In the order of Moses' and MGIZA's symal; the default. */
#define TL_ORDER_MOSES 0

/** In the order of fast_align's atools, which always looks across corners. */
#define TL_ORDER_FAST_ALIGN 1

/** In the order of the scripts that Mask-Align uses, which know TL_SYMMETRIZE_GROW_DIAG_FINAL_AND, intersection and union only. */
#define TL_ORDER_LILT 2

/** Masses may be missed, at a price of `tau` times the divergence; the default. */
#define TL_TRANSPORT_UNBALANCED 0

/** Rows and columns sum to the masses, each side's scaled to 1 first. */
#define TL_TRANSPORT_BALANCED 1

/** `mass` in all; rows and columns sum to at most the masses. */
#define TL_TRANSPORT_PARTIAL 2

/** `mass` in all at the least cost, without entropy. */
#define TL_TRANSPORT_EXACT 3

/** The cosine over the mean cosine of both neighbourhoods; the default. */
#define TL_MARGIN_RATIO 0

/** The cosine less that mean. */
#define TL_MARGIN_DISTANCE 1

/** The cosine as it is. */
#define TL_MARGIN_ABSOLUTE 2

/** Pairs that are best for each other; the default. */
#define TL_MINE_MUTUAL 0

/** The best pairs of both directions by falling score, each sentence in one only. */
#define TL_MINE_GREEDY 1

/** By the costs of vectors, coarse to fine: linear in time and memory; the default. */
#define TL_BEADS_VECALIGN 0

/** By nearest neighbours, then by similarities less those around; lengths count, too. Vectors are of length 1. */
#define TL_BEADS_BERTALIGN 1

/** TL_BEADS_BERTALIGN does not take off the similarity to the sentences around. */
#define TL_BEADS_NO_MARGIN 1

/** Differences to the plan's mean of the other graph; the default. */
#define TL_GRAPH_ALIGN_DIFF 0

/** The plan's mean of differences. */
#define TL_GRAPH_DIFF_ALIGN 1

/** That, where exactly one of the two rows is real. */
#define TL_GRAPH_XOR 2

/** The answer is there: tl_cards_answer. */
#define TL_CARDS_DONE 0

/** Run the language model after prompt and candidate, and give its entropy: tl_cards_entropy. */
#define TL_CARDS_MODEL 1

/** Draw a token at the temperature `beta`, and give it: tl_cards_token. */
#define TL_CARDS_TOKEN 2

/** Score prompt and candidate, and give the reward: tl_cards_reward. */
#define TL_CARDS_REWARD 3

/** The segment starts anew: go back to tl_cards_length tokens. */
#define TL_CARDS_REJECTED 0

/** The segment stays. */
#define TL_CARDS_ACCEPTED 1

/** There were too many rejections: the best attempt stays, which may be another than the last. tl_cards_answer has it. */
#define TL_CARDS_BEST 2

/** The green list hangs on the previous token. */
#define TL_SCHEME_SIMPLE 0

/** It hangs on the least hash of the four tokens before. */
#define TL_SCHEME_MINHASH 1

/** It hangs on the least hash of the three tokens before and the candidate itself. */
#define TL_SCHEME_SELFHASH 2

/**
 * The share of the model's own rewards that are below, those equal half: a number between 0 and 1 that means the same for every
 * reward model.
 */
#define TL_TRANSFORM_IDENTITY 0

/** Its logarithm; -inf at 0. */
#define TL_TRANSFORM_LOG 1

/** `sign(t) e^(t u)`: 10 for best-of-n and -10 for worst-of-n in the paper. */
#define TL_TRANSFORM_EXPONENTIAL 2

/** `(e^(t u) - 1) / t`. */
#define TL_TRANSFORM_NORMALISED_EXPONENTIAL 3

/** Each item's own scores decide the order of its correctors. */
#define TL_ORDER_ITEM 0

/** The means over all items do, as in the original: an item's result then depends on its company. */
#define TL_ORDER_BATCH 1

/** `# Query:` and `# Answer:`, turns in three backticks. */
#define TL_CONVERSATION_BACKTICKS 0

/** `# User:` and `# Assistant:`, an empty line around turns. */
#define TL_CONVERSATION_V5 1

/** The same roles; a blank line before each. */
#define TL_CONVERSATION_V6 2

/** Links between words, or pairs of sentences. Empty after a failure. */
typedef struct tl_alignment tl_alignment;

/** Rewards of a model's own answers, against which others are calibrated (InfAlign). Immutable; share it freely between threads. */
typedef struct tl_calibration tl_calibration;

/** A switch that ends the calls it was given to. Any thread may set it at any time. */
typedef struct tl_cancel tl_cancel;

/** An answer in the making, after CARDS: you run the models, and are told which is due. */
typedef struct tl_cards tl_cards;

/** A text after a correction. After a failure it holds no text. */
typedef struct tl_correction tl_correction;

/** What a filter decided about a text. */
typedef struct tl_decision tl_decision;

/** A deny corpus: documents, indexed by every run of words. Immutable; share it freely between threads. */
typedef struct tl_deny tl_deny;

/** A text in the making: a pack that writes tells what may follow, and you pick. */
typedef struct tl_draft tl_draft;

/** Packs made ready to run. Immutable; share it freely between threads. */
typedef struct tl_engine tl_engine;

/** A policy bound to the pack that scores for it. Immutable; share it freely between threads. */
typedef struct tl_filter tl_filter;

/**
 * Token alignment: a prompt that was cut inside a word is taken back by some tokens, and what is written next has to spell the bytes
 * that were taken.
 */
typedef struct tl_healing tl_healing;

/** What became of a request. Whatever cannot be read reads as "block, no text". */
typedef struct tl_outcome tl_outcome;

/** A pack whose every file is there, and has the digest that its manifest states if it was read. Immutable. */
typedef struct tl_pack tl_pack;

/** Everything around your language model: filter, rewriter, filter again, inspectors, correctors, filter at last. */
typedef struct tl_pipeline tl_pipeline;

/** A policy: categories, actions, thresholds, rules. Immutable. */
typedef struct tl_policy tl_policy;

/** Prov-Decode: a text that is written past a deny corpus, whose next tokens are judged by what they would copy. */
typedef struct tl_provenance tl_provenance;

/** What guard calls decided: one item a text. */
typedef struct tl_result tl_result;

/** Draws tokens of one vocabulary, in memory that is used again: no heap call after it was made. */
typedef struct tl_sampler tl_sampler;

/** One thread's use of an engine, with the memory that its calls use again. */
typedef struct tl_session tl_session;

/** What your model writes its answer into, while tl_generate_fn runs. */
typedef struct tl_sink tl_sink;

/** A text that comes in pieces, cut anywhere. */
typedef struct tl_stream tl_stream;

/** The bytes of a vocabulary's tokens. Immutable; share it freely between threads. */
typedef struct tl_vocabulary tl_vocabulary;

/** The watermark of Kirchenbauer and others: a secret part of the vocabulary is favoured, and can be counted. */
typedef struct tl_watermark tl_watermark;

/** 0, or one of `TL_ERR_*`. Not an enum, so that its size is fixed. */
typedef int32_t tl_status;

/**
 * Gets one message: its level, its text (UTF-8, ended by NUL, valid during the call) and the pointer given to
 * tl_log_set. Called from whichever thread the library runs in; it must not throw or long-jump.
 */
typedef void (*tl_log_fn)(uint32_t level, const char *text, void *user);

/** How an engine is built. In every field 0 or NULL is the default. */
typedef struct tl_engine_config {
  /** Set by TL_ENGINE_CONFIG_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** TL_BACKEND_DEFAULT, ... */
  uint32_t backend;
  /** Instruction set by name ("avx2", "scalar"); NULL: the environment variable TRUELINE_ISA, else the CPU's best. */
  const char *isa;
  /** Path of libonnxruntime for TL_BACKEND_ORT; NULL: the environment variable TRUELINE_ORT_LIBRARY. */
  const char *ort_library;
  /**
   * Threads that share one model run, the caller's among them; 0 and 1: the caller's alone. More are started with
   * the engine, sleep between runs, and end with it.
   */
  uint32_t threads;
  /** Must be 0. */
  uint32_t reserved;
  /**
   * The name of the pack, one of the engine's, that looks first for its other classifiers (a cascade): what it clears, the
   * larger model does not see. NULL: none does.
   */
  const char *first_look;
} tl_engine_config;

/** How a guard call judges. In every field 0 or NULL is the default. */
typedef struct tl_guard_options {
  /** Set by TL_GUARD_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** TL_ROLE_ANY, ...: whose text it is. */
  uint32_t role;
  /** The call fails with TL_ERR_DEADLINE_EXCEEDED if it takes longer; 0: no limit. */
  uint32_t timeout_ms;
  /** TL_GUARD_PARANOID, TL_GUARD_PLAIN, both or 0. */
  uint32_t flags;
  /** The call fails with TL_ERR_CANCELLED once this is set; may be NULL. */
  const tl_cancel *cancel;
} tl_guard_options;

/** One text: UTF-8, `size` bytes, no closing NUL needed. */
typedef struct tl_text {
  /** May be NULL if `size` is 0. */
  const char *data;
  /** Length in bytes. */
  size_t size;
} tl_text;

/** The judgement for one category. */
typedef struct tl_category {
  /** The category's name; lives until the result is used again or destroyed. */
  const char *name;
  /** Calibrated probability in [0,1], the largest over the text's windows and sentences. */
  float score;
  /** The text is flagged at this probability and above. */
  float threshold;
  /** 1 if it is flagged, else 0. */
  int32_t flagged;
} tl_category;

/** Where in the text a flagged category scored highest. */
typedef struct tl_span {
  /** First byte of the text as it was given. */
  size_t start;
  /** One past the last byte. */
  size_t end;
  /** The category's name; lives until the result is used again or destroyed. */
  const char *category;
  /** The category's score there. */
  float score;
} tl_span;

/** How a text is judged. In every field 0 or NULL is the default. */
typedef struct tl_filter_options {
  /** Set by TL_FILTER_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** TL_ROLE_ANY, ...: whose text it is. */
  uint32_t role;
  /** The call fails with TL_ERR_DEADLINE_EXCEEDED if it takes longer; 0: no limit. For a stream: each call. */
  uint32_t timeout_ms;
  /** TL_GUARD_PLAIN, or 0. */
  uint32_t flags;
  /** The text's language, as a BCP 47 tag ended by NUL; NULL: a guess, and the strictest thresholds where it is not sure. */
  const char *language;
  /** The call fails with TL_ERR_CANCELLED once this is set; may be NULL. For a stream: until it is destroyed. */
  const tl_cancel *cancel;
} tl_filter_options;

/** Where a stream stands. */
typedef struct tl_stream_state {
  /** Bytes that came. */
  size_t received;
  /** Bytes from the start that may be shown, redacted where the policy says so. Never falls. */
  size_t released;
  /** 1 if nothing more is released, for now or, where the policy latches, for good; else 0. */
  int32_t blocked;
  /** 1 once a decision was made, so that nothing more is taken; else 0. */
  int32_t finished;
} tl_stream_state;

/** Where a flagged category was found. */
typedef struct tl_finding {
  /** First byte of the text as it was given. */
  size_t start;
  /** One past the last byte. */
  size_t end;
  /** The category's name; lives until the decision is used again or destroyed. */
  const char *category;
  /** 1 for a rule, else the model's score of that window or sentence. */
  float score;
  /** TL_FOUND_BY_MODEL or TL_FOUND_BY_RULE. */
  int32_t found_by;
  /** 1 if the text hid it in an encoding, such as base64; else 0. */
  int32_t hidden;
} tl_finding;

/** A place in a text, in the units that hosts count in. */
typedef struct tl_place {
  /** Bytes of UTF-8. */
  size_t byte;
  /** 16-bit units of UTF-16: JavaScript, Java, Swift's NSString, Windows. */
  size_t utf16;
  /** Code points: Python. */
  size_t code_point;
} tl_place;

/** How an alignment is made. In every field 0 or NULL is the default. */
typedef struct tl_align_options {
  /** Set by TL_ALIGN_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** TL_ALIGN_ARGMAX, ... */
  uint32_t method;
  /** TL_ALIGN_WHOLE_WORDS, or 0. */
  uint32_t flags;
  /** The call fails with TL_ERR_DEADLINE_EXCEEDED if it takes longer; 0: no limit. */
  uint32_t timeout_ms;
  /** In favour of the diagonal, from 0 (not at all) to 1; not used by TL_ALIGN_SOFTMAX and TL_ALIGN_ENTMAX. */
  float distortion;
  /** The most sentences that belong together, both sides counted, from 2 to 16; 0: 4. For sentences. */
  uint32_t largest_bead;
  /** The call fails with TL_ERR_CANCELLED once this is set; may be NULL. */
  const tl_cancel *cancel;
} tl_align_options;

/** Two words that belong together. */
typedef struct tl_link {
  /** Position of the source word, from 0. */
  size_t source;
  /** Position of the target word, from 0. */
  size_t target;
  /** (cos + 1) / 2 of the pieces that are most alike; of a matrix, its entry; otherwise what the call says. */
  float score;
} tl_link;

/** Bytes of a text, `start` up to, not including, `end`. */
typedef struct tl_range {
  /** First byte. */
  size_t start;
  /** One past the last byte. */
  size_t end;
} tl_range;

/**
 * Sentences that belong together, each side's from its start up to, not including, its end; an empty side was added or left
 * out.
 */
typedef struct tl_bead {
  /** First source sentence. */
  size_t source_start;
  /** One past the last. */
  size_t source_end;
  /** First target sentence. */
  size_t target_start;
  /** One past the last. */
  size_t target_end;
  /** Cosine of the two sides, 0 for an empty side; from the caller's vectors, what the method makes of them. */
  float score;
} tl_bead;

/** How links are read from scores. In every field 0 is the default. */
typedef struct tl_extract_options {
  /** Set by TL_EXTRACT_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** TL_EXTRACT_ABOVE, ... */
  uint32_t method;
  /** TL_EXTRACT_CLAMP, or 0. */
  uint32_t flags;
  /** Of TL_EXTRACT_SELF_LABEL; 0: 2. */
  uint32_t rounds;
  /** See the method; it is what it says, also 0. */
  double threshold;
} tl_extract_options;

/** What a classifier of tokens said, run once for each word of one side with that word marked. */
typedef struct tl_token_runs {
  /** A row for each marked word, a logit in it for each token of the other side. */
  const double *logits;
  /** The word of each token of the other side; a negative number for a token of no word. */
  const int32_t *word_of;
  /** Tokens of the other side. */
  size_t n_token;
} tl_token_runs;

/** One sentence pair: links that were found, and gold links. Scores of links are not read. */
typedef struct tl_scored_pair {
  /** `n_hypothesis` links; may be NULL if that is 0. */
  const tl_link *hypothesis;
  /** How many were found. */
  size_t n_hypothesis;
  /** Gold links beyond doubt. */
  const tl_link *sure;
  /** How many. */
  size_t n_sure;
  /** The other gold links; sure ones may be among them. */
  const tl_link *possible;
  /** How many. */
  size_t n_possible;
  /** Seconds of each source word, for tl_links_score_timed only. */
  const double *source_seconds;
  /** Seconds of each target word, likewise; NULL for text, each word of which weighs 1. */
  const double *target_seconds;
  /** Words of the source; tl_links_score does not ask. */
  size_t n_source;
  /** Words of the target; likewise. */
  size_t n_target;
} tl_scored_pair;

/** Scores of a corpus, micro-averaged. A is what was found, S what is sure, P what is possible or sure. */
typedef struct tl_link_scores {
  /** |A and P| / |A|. */
  double precision;
  /** |A and S| / |S|. */
  double recall;
  /** The harmonic mean of both. */
  double f1;
  /** Alignment error rate: 1 - (|A and S| + |A and P|) / (|A| + |S|). */
  double aer;
} tl_link_scores;

/** Means over sentence pairs. */
typedef struct tl_link_shares {
  /** Of what was found, what is right. */
  double precision;
  /** Of what is right, what was found. */
  double recall;
  /** The harmonic mean of both means. */
  double f1;
  /** Pairs in which all is right. */
  double exact_match;
} tl_link_shares;

/** How mass is transported. In every field 0 is the default. */
typedef struct tl_transport_options {
  /** Set by TL_TRANSPORT_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** TL_TRANSPORT_UNBALANCED, ... */
  uint32_t method;
  /** The most rounds; 0: 10,000. */
  uint32_t rounds;
  /** 0; no flag is known. */
  uint32_t flags;
  /** The weight of entropy, relative to the all-ones measure, above 0; 0: 0.1. */
  double epsilon;
  /** What a missed mass costs, above 0; 0: 0.5. */
  double tau;
  /** What partial and exact transport move in all; 0: all that both sides have. */
  double mass;
  /** The relative change of a round that counts as none, above 0; 0: 1e-9. */
  double change;
} tl_transport_options;

/** How pairs are mined. In every field 0 is the default. */
typedef struct tl_mining_options {
  /** Set by TL_MINING_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** TL_MARGIN_RATIO, ... */
  uint32_t margin;
  /** TL_MINE_MUTUAL or TL_MINE_GREEDY. */
  uint32_t method;
  /** How many nearest sentences are a neighbourhood; 0: 4. */
  uint32_t neighbours;
  /** Pairs of this margin or less are left out; 0: none is. */
  double threshold;
} tl_mining_options;

/** How sentences are aligned. In every field 0 is the default. */
typedef struct tl_bead_options {
  /** Set by TL_BEAD_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** TL_BEADS_VECALIGN or TL_BEADS_BERTALIGN. */
  uint32_t method;
  /** TL_BEADS_NO_MARGIN, or 0. */
  uint32_t flags;
  /**
   * The most sentences that belong together, both sides counted, at most one more than there are layers; 0: 4, Bertalign 5,
   * or fewer if there are fewer layers.
   */
  uint32_t largest_bead;
  /** Bertalign: nearest targets that the first pass looks at; 0: 3. */
  uint32_t neighbours;
  /** Bertalign: how far the second pass looks beside what the first found; 0: 5. */
  uint32_t window;
  /**
   * Vecalign: where in the distribution of costs the price of leaving a sentence out lies, in (0, 1]; 0: 0.2. Bertalign:
   * what leaving one out gains; 0: -0.1.
   */
  double skip;
} tl_bead_options;

/**
 * How alike two segments are: sentences `a_start` up to, not including, `a_end` of the first answer, and of the second. The
 * pointer is that given to tl_split_answers. It must not throw or long-jump.
 */
typedef double (*tl_segment_similarity)(size_t a_start, size_t a_end, size_t b_start, size_t b_end, void *user);

/** An edge between two nodes, in either order, counted from 0. */
typedef struct tl_edge {
  /** One end. */
  size_t from;
  /** The other. */
  size_t to;
} tl_edge;

/** What changes of a graph cost, each 0 or above. Not an options struct: 0 means 0. */
typedef struct tl_graph_costs {
  /** Adding a node. */
  double node_insert;
  /** Removing one. */
  double node_delete;
  /** Adding an edge. */
  double edge_insert;
  /** Removing one. */
  double edge_delete;
  /** The weight of nodes against edges. */
  double node_weight;
} tl_graph_costs;

/** How an answer is inspected or corrected. In every field 0 or NULL is the default. */
typedef struct tl_correct_options {
  /** Set by TL_CORRECT_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** How often a correction is corrected again, 1 to 8; 0: 1. */
  uint32_t max_rounds;
  /**
   * tl_session_inspect fails with TL_ERR_DEADLINE_EXCEEDED if it takes longer; tl_session_correct then leaves the text as it
   * is, or fails if it is the guard that takes longer. 0: no limit.
   */
  uint32_t timeout_ms;
  /** An inspector of the engine may find a correction worse than the original by this. 0: not worse at all. */
  float margin;
  /** As the timeout, once this is set (TL_ERR_CANCELLED); may be NULL. */
  const tl_cancel *cancel;
} tl_correct_options;

/** A stretch of the original and what stands there now. */
typedef struct tl_edit {
  /** First byte, of the original. */
  size_t start;
  /** One past the last byte. */
  size_t end;
  /** UTF-8, `replacement_size` bytes, followed by a NUL; lives as long as the correction is not used again. */
  const char *replacement;
  /** Length in bytes. */
  size_t replacement_size;
} tl_edit;

/** How a whole text is written. In every field 0 or NULL is the default. */
typedef struct tl_write_options {
  /** Set by TL_WRITE_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** The most tokens; 0: the pack's own. */
  uint32_t max_new_tokens;
  /** Texts that are searched side by side, up to 64; 0 and 1 take the likeliest token each time. */
  uint32_t beams;
  /** The call fails with TL_ERR_DEADLINE_EXCEEDED if it takes longer; 0: no limit. */
  uint32_t timeout_ms;
  /** The call fails with TL_ERR_CANCELLED once this is set; may be NULL. */
  const tl_cancel *cancel;
} tl_write_options;

/**
 * Gets the next piece of a text: whole characters of UTF-8, `size` bytes, no closing NUL. 0 ends the text, 1 goes on. It must
 * not unwind, and must not use the object that calls it.
 */
typedef int32_t (*tl_text_fn)(void *user, const char *text, size_t size);

/** A corrector of a pipeline, and the inspector that calls for it. */
typedef struct tl_corrector {
  /** Name of the engine's pack, UTF-8, ended by NUL: a tagger of edits, or an encoder-decoder. */
  const char *corrector;
  /**
   * Name of the inspector's pack: the corrector runs where it finds the answer wanting, the worst first. NULL: the corrector
   * runs on every answer, after those that have one.
   */
  const char *inspector;
} tl_corrector;

/** What a pipeline is made of. Every part may be absent. */
typedef struct tl_pipeline_config {
  /** Set by TL_PIPELINE_CONFIG_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** How many correctors there are. */
  uint32_t n_correctors;
  /** Judges requests and answers; may be NULL. The pipeline keeps what it needs of it. */
  const tl_filter *filter;
  /** Name of the engine's pack that rewrites requests; NULL: none does. */
  const char *rewriter;
  /** `n_correctors` of them; may be NULL if there is none. */
  const tl_corrector *correctors;
} tl_pipeline_config;

/** How a request is taken through. In every field 0 or NULL is the default. */
typedef struct tl_pipeline_options {
  /** Set by TL_PIPELINE_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** Each stage fails if it takes longer; your own model is not timed. 0: no limit. */
  uint32_t timeout_ms;
  /** From which probability an inspector's answer is aligned; 0: 0.5. */
  float aligned_from;
  /** 0. */
  uint32_t flags;
  /** The language of request and answer, as a BCP 47 tag ended by NUL; NULL: a guess. */
  const char *language;
  /** Every stage fails once this is set; may be NULL. */
  const tl_cancel *cancel;
} tl_pipeline_options;

/**
 * Your language model: answers a request, UTF-8 of `size` bytes without a closing NUL, by tl_sink_push. The request is redacted
 * and rewritten where the pipeline does so. 0: the answer is whole; anything else: it failed, and nothing of it is shown. It
 * must not unwind, and must not use the pipeline that calls it.
 */
typedef int32_t (*tl_generate_fn)(void *user, const char *request, size_t size, struct tl_sink *sink);

/** A line of a trace. It holds no text of yours. */
typedef struct tl_trace_step {
  /** "request_filter", "rewriter", "rewrite_filter", "generate", "answer_filter", "inspector", "corrector", "final_filter". */
  const char *stage;
  /** What came of it: an action such as "allow", "aligned" or "misaligned", a corrector's reason, "failed", "ok". */
  const char *decision;
  /** The pack or the policy with its version; "" for your model. */
  const char *who;
  /** A filter's risk, an inspector's probability, the share of words that a corrector kept; -1 where there is none. */
  double score;
  /** How long it took. */
  uint64_t microseconds;
  /** Why the stage failed; TL_OK if it did not. */
  tl_status status;
} tl_trace_step;

/** How a token is drawn. */
typedef struct tl_sampling {
  /** Set by TL_SAMPLING_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** Only so many of the likeliest tokens; 0: all. */
  uint32_t top_k;
  /** Of those, only as many as it takes to reach this probability, up to 1; 0: all. */
  float top_p;
  /** Divides the logits. 0 takes the likeliest token, and no uniform. */
  float temperature;
} tl_sampling;

/** How an answer is made. TL_CARDS_OPTIONS_INIT has the defaults of the original; every field counts as it stands. */
typedef struct tl_cards_options {
  /** Set by TL_CARDS_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** The answer's tokens; the last segment may run past it unless `clip` is 1. */
  uint32_t max_tokens;
  /** A segment ends where the entropy of what may follow reaches this, in nats. */
  float entropy;
  /** The reward at the end; depends on the reward model. */
  float reward;
  /** The share of that in the first bar; the rest is the prompt's own reward. */
  float alpha;
  /** The temperature of acceptance, and of your sampling; above 0. */
  float beta;
  /** 1: a segment is accepted if it reaches the bar. 0: with probability `min(1, e^((reward - bar) / beta))`. */
  uint32_t hard;
  /** 1: the answer is one segment, with one bar: rejection sampling by item. `entropy` is then not used. */
  uint32_t whole;
  /** 1: the last segment is cut at `max_tokens`. */
  uint32_t clip;
  /** 1: `end` ends an answer. */
  uint32_t has_end;
  /** The token that ends an answer, and a segment. */
  uint32_t end;
} tl_cards_options;

/** On what writer and reader of a watermark must agree. In every field but `n_vocab` 0 is the default. */
typedef struct tl_watermark_options {
  /** Set by TL_WATERMARK_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** TL_SCHEME_SIMPLE, ... */
  uint32_t scheme;
  /** Tokens of the vocabulary. */
  uint32_t n_vocab;
  /** The share of the vocabulary that is green, between 0 and 1; 0: 0.25. */
  float gamma;
  /** The secret; 0: that of the original. */
  uint64_t key;
} tl_watermark_options;

/** What a text shows of a watermark. */
typedef struct tl_detection {
  /** Tokens that were judged. */
  size_t scored;
  /** Those that are green; of Gumbel's watermark, as many as were judged. */
  size_t green;
  /** Standard deviations above chance. */
  double z;
  /** The probability of this by chance. */
  double p;
} tl_detection;

/** What the best of `n` answers is worth, and how far it is from the model that wrote them. */
typedef struct tl_best_of {
  /** At most so far from the model, in nats: `ln n - (n-1)/n`. */
  double kl_bound;
  /** How often it beats one answer, ties half: `n / (n+1)`. */
  double win_rate;
  /**
   * At least so many standard deviations the best of `n` draws of a Gaussian lies above its mean: what alignment resampling may
   * count on.
   */
  double gaussian_bound;
  /** And so many exactly, within 1e-9. */
  double gaussian_mean;
} tl_best_of;

/** Panacea: an adapter of singular values, of which the last are the weights of preferences. */
typedef struct tl_adapter {
  /** Set by TL_ADAPTER_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** What preferences are multiplied by. */
  float scale;
  /** Rows and columns of the weights. */
  size_t rows;
  /** Columns of the weights. */
  size_t columns;
  /** Singular values that are the same for all preferences. */
  size_t n_fixed;
  /** Preferences. */
  size_t n_preferences;
  /** `[rows, n_fixed + n_preferences]`, row-major. */
  const float *u;
  /** `[n_fixed + n_preferences, columns]`, row-major. */
  const float *vt;
  /** `n_fixed` singular values; may be NULL if there are none. */
  const float *sigma;
} tl_adapter;

/** Summed log-probabilities of one answer under two models, in nats, and its length. */
typedef struct tl_answer {
  /** Under the model that was trained. */
  double policy;
  /** Under the one that it was trained from. */
  double reference;
  /** Its tokens, 1 or more. */
  uint64_t n_tokens;
} tl_answer;

/** A margin, and what follows from it. */
typedef struct tl_margin {
  /** The implicit reward of the chosen answer less that of the other. */
  double margin;
  /** `-ln sigmoid(margin)`. */
  double loss;
  /** `sigmoid(margin)`: how surely the model prefers the chosen one. */
  double probability;
} tl_margin;

/**
 * BCO: the running mean of rewards from thumbs up and down, a threshold that follows. Yours to keep and to save: start from
 * TL_SHIFT_INIT.
 */
typedef struct tl_shift {
  /** The mean, which rewards of good answers should exceed. */
  double mean;
  /** The variance. */
  double variance;
  /** Rewards seen. */
  double count;
} tl_shift;

/** When a run of words is a copy. In every field 0 is the default. */
typedef struct tl_deny_options {
  /** Set by TL_DENY_OPTIONS_INIT; lets old programs meet new libraries. */
  uint32_t struct_size;
  /** Of so many words at least; 0: 4. */
  uint32_t min_words;
  /** Above this surprise of all its words together, in nats, by the corpus's own counts; 0: 20. */
  float tau;
  /** 0: what would copy is masked. Above 0: so much is taken from its logit, which divides its odds by `e^penalty`. */
  float penalty;
} tl_deny_options;

/**
 * Writes the likeliest token after each of `n` tokens, of equals the lowest, to `next`: one run of your model on all of them.
 * Returns 0, or anything else to stop. It must not unwind.
 */
typedef int32_t (*tl_predict_fn)(void *user, const uint32_t *tokens, size_t n, uint32_t *next);

/**
 * Writes how aligned an item's answer is by each of `n_criteria` inspectors to `scores`: probabilities, high is good. Returns 0, or
 * anything else to stop. It must not unwind.
 */
typedef int32_t (*tl_inspect_fn)(void *user, size_t item, double *scores, size_t n_criteria);

/** Replaces an item's answer by that of a criterion's corrector. Returns 0, or anything else to stop. It must not unwind. */
typedef int32_t (*tl_correct_fn)(void *user, size_t item, size_t criterion);

/** The call did what it says. */
#define TL_OK 0

/** A fault of the library itself; the session it happened in answers `TL_ERR_BROKEN` from then on. */
#define TL_ERR_INTERNAL (-1)

/** A required pointer is NULL. */
#define TL_ERR_NULL_ARGUMENT (-2)

/** A value is outside its documented range. */
#define TL_ERR_INVALID_ARGUMENT (-3)

/** A model's inputs, outputs or labels are not those of its manifest. */
#define TL_ERR_MODEL_MISMATCH (-4)

/** Text is not UTF-8. */
#define TL_ERR_UTF8 (-5)

/** A file or folder cannot be read. */
#define TL_ERR_IO (-6)

/** A manifest or pack breaks a rule. */
#define TL_ERR_INVALID_PACK (-7)

/** A file of a pack has another sha256 than its manifest states. */
#define TL_ERR_HASH_MISMATCH (-8)

/** Something is larger than its stated budget. */
#define TL_ERR_TOO_LARGE (-9)

/** An ONNX file cannot be read or run. */
#define TL_ERR_INVALID_MODEL (-10)

/** A tokenizer file cannot be read or does not fit its manifest. */
#define TL_ERR_INVALID_TOKENIZER (-11)

/** The call was not done in time. */
#define TL_ERR_DEADLINE_EXCEEDED (-12)

/** The caller's `tl_cancel` was set. */
#define TL_ERR_CANCELLED (-13)

/** This build or this machine lacks what was asked for. */
#define TL_ERR_UNAVAILABLE (-14)

/** No candidate is left: every logit is masked. */
#define TL_ERR_NO_CANDIDATE (-15)

/** There is no text to judge. */
#define TL_ERR_EMPTY_TEXT (-16)

/** A struct's `struct_size` is none that a version of this header ever had; use its `..._INIT` macro. */
#define TL_ERR_STRUCT_SIZE (-17)

/** The object was in use when an internal failure happened; destroy it and make another. */
#define TL_ERR_BROKEN (-18)

/** A function of yours failed, which the library called. */
#define TL_ERR_HOST (-19)

/** Every default of a tl_engine_config. */
#define TL_ENGINE_CONFIG_INIT { sizeof(tl_engine_config), 0, NULL, NULL, 0, 0, NULL }
/** Every default of a tl_guard_options. */
#define TL_GUARD_OPTIONS_INIT { sizeof(tl_guard_options), 0, 0, 0, NULL }
/** Every default of a tl_filter_options. */
#define TL_FILTER_OPTIONS_INIT { sizeof(tl_filter_options), 0, 0, 0, NULL, NULL }
/** Every default of a tl_align_options. */
#define TL_ALIGN_OPTIONS_INIT { sizeof(tl_align_options), 0, 0, 0, 0.0f, 0, NULL }
/** Every default of a tl_extract_options. */
#define TL_EXTRACT_OPTIONS_INIT { sizeof(tl_extract_options), 0, 0, 0, 0.0 }
/** Every default of a tl_transport_options. */
#define TL_TRANSPORT_OPTIONS_INIT { sizeof(tl_transport_options), 0, 0, 0, 0.0, 0.0, 0.0, 0.0 }
/** Every default of a tl_mining_options. */
#define TL_MINING_OPTIONS_INIT { sizeof(tl_mining_options), 0, 0, 0, 0.0 }
/** Every default of a tl_bead_options. */
#define TL_BEAD_OPTIONS_INIT { sizeof(tl_bead_options), 0, 0, 0, 0, 0, 0.0 }
/** Every default of a tl_correct_options. */
#define TL_CORRECT_OPTIONS_INIT { sizeof(tl_correct_options), 0, 0, 0.0f, NULL }
/** Every default of a tl_write_options. */
#define TL_WRITE_OPTIONS_INIT { sizeof(tl_write_options), 0, 0, 0, NULL }
/** Every default of a tl_pipeline_config. */
#define TL_PIPELINE_CONFIG_INIT { sizeof(tl_pipeline_config), 0, NULL, NULL, NULL }
/** Every default of a tl_pipeline_options. */
#define TL_PIPELINE_OPTIONS_INIT { sizeof(tl_pipeline_options), 0, 0.0f, 0, NULL, NULL }
/** The likeliest token; set `temperature` to draw. */
#define TL_SAMPLING_INIT { sizeof(tl_sampling), 0, 0.0f, 0.0f }
/** The defaults of the original. */
#define TL_CARDS_OPTIONS_INIT { sizeof(tl_cards_options), 128, 3.0f, 8.5f, 0.5f, 0.7f, 0, 0, 0, 0, 0 }
/** Every default of a tl_watermark_options; set `n_vocab`. */
#define TL_WATERMARK_OPTIONS_INIT { sizeof(tl_watermark_options), 0, 0, 0.0f, 0 }
/** An adapter of nothing; set every field. */
#define TL_ADAPTER_INIT { sizeof(tl_adapter), 0.0f, 0, 0, 0, 0, NULL, NULL, NULL }
/** No reward seen. */
#define TL_SHIFT_INIT { 0.0, 1.0, 1e-24 }
/** Every default of a tl_deny_options. */
#define TL_DENY_OPTIONS_INIT { sizeof(tl_deny_options), 0, 0.0f, 0.0f }

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/** The `TL_ABI_VERSION` of the library that runs; compare it with the one compiled in. */
uint32_t tl_abi_version(void);

/** Version of the library that runs: "0.1.0". Never NULL; static. */
const char *tl_version(void);

/**
 * The instruction sets that this CPU has and this library uses, best first, with a space between them:
 * "avx512vnni avx512 avx2 scalar". Never NULL; static.
 */
const char *tl_cpu_features(void);

/**
 * The sentence that explains the last failure in this thread; empty if there was none. Never NULL.
 * Valid until the next call in this thread that fails.
 */
const char *tl_last_error(void);

/** The name of a status: "OK", "UTF8", "HASH_MISMATCH"; "UNKNOWN" for a number that is none. Never NULL; static. */
const char *tl_status_name(tl_status status);

/**
 * Sends the library's messages to a function of yours; NULL makes it silent again. Process-wide.
 * Messages name packs, files and sizes; they never hold text that was judged.
 *
 * @param callback  may still be running in another thread when this returns.
 * @param user      handed to the callback as it is.
 * @param level     TL_LOG_OFF to TL_LOG_DEBUG: the most detailed level wanted.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for another level.
 */
tl_status tl_log_set(tl_log_fn callback, void *user, uint32_t level);

/**
 * Makes a cancel token, not set.
 *
 * @param out_cancel  gets the token; end it with tl_cancel_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_cancel_create(tl_cancel **out_cancel);

/**
 * Ends every call that runs with this token, at its next look between two operators of the model, with
 * TL_ERR_CANCELLED; and later calls with it, until tl_cancel_reset.
 *
 * @return TL_OK; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_cancel_set(const tl_cancel *cancel);

/**
 * Makes the token usable again.
 *
 * @return TL_OK; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_cancel_reset(const tl_cancel *cancel);

/** Ends a token; NULL is fine. A call that still runs with it keeps what it needs. */
void tl_cancel_destroy(tl_cancel *cancel);

/**
 * Reads a pack from a folder, or from a tar archive of one.
 *
 * A compiled plan (`trueline pack`) in a folder is mapped and not copied: until pack and engines are destroyed its file
 * must not be shortened or written into. To replace it, rename another file into its place.
 *
 * @param path      UTF-8, ended by NUL.
 * @param out_pack  gets the pack; end it with tl_pack_destroy, at once after tl_engine_create if you like.
 *                  NULL on failure.
 * @return TL_OK; TL_ERR_IO; TL_ERR_INVALID_PACK; TL_ERR_HASH_MISMATCH; TL_ERR_TOO_LARGE; TL_ERR_MODEL_MISMATCH;
 *         TL_ERR_UTF8 for the path.
 */
tl_status tl_pack_open(const char *path,
                       tl_pack **out_pack);

/**
 * Reads a pack from the bytes of a tar archive (`tar -cf guard-en.tar -C models/guard-en .`), which are copied.
 *
 * @param data      `size` bytes; may be NULL if `size` is 0.
 * @param out_pack  gets the pack; end it with tl_pack_destroy. NULL on failure.
 * @return as tl_pack_open, less TL_ERR_IO.
 */
tl_status tl_pack_open_memory(const void *data,
                              size_t size,
                              tl_pack **out_pack);

/** The pack's name, which tl_session_create takes. Never NULL ("" for a NULL pack); lives as long as the pack. */
const char *tl_pack_name(const tl_pack *pack);

/** The pack's own version. Never NULL ("" for a NULL pack); lives as long as the pack. */
const char *tl_pack_version(const tl_pack *pack);

/**
 * sha256 of the pack's manifest, 64 hexadecimal digits: it names the pack's whole content, since the manifest lists
 * the sha256 of every file. Never NULL ("" for a NULL pack); lives as long as the pack.
 */
const char *tl_pack_sha256(const tl_pack *pack);

/** Ends a pack; NULL is fine. Engines made from it keep what they need. */
void tl_pack_destroy(tl_pack *pack);

/**
 * Makes packs ready to run: parses and optimises each model and runs it once.
 *
 * @param config      may be NULL: every default.
 * @param packs       `n_packs` packs; they may be destroyed as soon as this returns.
 * @param out_engine  gets the engine; end it with tl_engine_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_INVALID_MODEL, TL_ERR_MODEL_MISMATCH or TL_ERR_INVALID_TOKENIZER for a pack;
 *         TL_ERR_UNAVAILABLE for a backend, an instruction set or a pack that looks first that is not there;
 *         TL_ERR_STRUCT_SIZE; TL_ERR_INVALID_ARGUMENT, also for a pack that looks first for another model than this one.
 */
tl_status tl_engine_create(const tl_engine_config *config,
                           const tl_pack *const *packs,
                           size_t n_packs,
                           tl_engine **out_engine);

/**
 * The instruction set that the engine's kernels use: "avx512vnni". Never NULL ("" for a NULL engine); lives as long
 * as the engine.
 */
const char *tl_engine_isa(const tl_engine *engine);

/** Ends an engine; NULL is fine. Sessions made from it keep what they need. */
void tl_engine_destroy(tl_engine *engine);

/**
 * Makes a session.
 *
 * @param pack         name of the engine's pack to use, UTF-8, ended by NUL; NULL: the first.
 * @param out_session  gets the session; end it with tl_session_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_UNAVAILABLE if the engine has no such pack.
 */
tl_status tl_session_create(const tl_engine *engine,
                            const char *pack,
                            tl_session **out_session);

/**
 * Goes on with another pack of the session's engine. Of packs that share a model file (a guard, an inspector and a corrector, for
 * example) a session remembers the last runs, up to 2 MiB of token ids and outputs, until it is destroyed: one session reads a text
 * once for all of them, where a session for each would read it each time. Answers are the same either way.
 *
 * @param pack  name of the engine's pack to use, UTF-8, ended by NUL; NULL: the first.
 * @return TL_OK; TL_ERR_UNAVAILABLE if the engine has no such pack, and the session stays with the one that it had;
 *         TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT. No model runs.
 */
tl_status tl_session_select(tl_session *session,
                            const char *pack);

/**
 * Judges one text. `result` then holds one item. A text that is empty or white space alone is clear; TL_ERR_EMPTY_TEXT is for
 * one that has other characters, and none that the pack reads.
 *
 * @param options   may be NULL: every default.
 * @param text      UTF-8, `text_size` bytes; may be NULL if `text_size` is 0.
 * @param result    from tl_result_create; what it held is replaced. After a failure its item blocks with risk 1.
 * @return TL_OK; TL_ERR_UTF8, TL_ERR_EMPTY_TEXT or TL_ERR_TOO_LARGE for the text; TL_ERR_DEADLINE_EXCEEDED;
 *         TL_ERR_CANCELLED; TL_ERR_BROKEN; TL_ERR_STRUCT_SIZE; TL_ERR_INVALID_ARGUMENT; TL_ERR_NULL_ARGUMENT.
 *         Linear in the text, one model run for each window of the pack's limits.max_tokens and, where the pack has
 *         limits.sentence_tokens, for each sentence of a text of several.
 */
tl_status tl_session_guard(tl_session *session,
                           const tl_guard_options *options,
                           const char *text,
                           size_t text_size,
                           tl_result *result);

/**
 * Judges several texts, each as if it were alone. `result` then holds one item a text, in their order.
 *
 * A text that fails has its own status in its item and blocks; the others are judged all the same. One timeout holds
 * for the whole batch. With a compiled plan, short texts next to each other run side by side, whatever their lengths: nothing
 * is padded, weights are read once for all of them, and every score has the bits of its text alone.
 *
 * @param texts    `n_texts` texts; may be NULL if `n_texts` is 0.
 * @param result   from tl_result_create; what it held is replaced.
 * @return TL_OK if every text was judged, else the status of the first that was not; as tl_session_guard.
 */
tl_status tl_session_guard_batch(tl_session *session,
                                 const tl_guard_options *options,
                                 const tl_text *texts,
                                 size_t n_texts,
                                 tl_result *result);

/** Ends a session; NULL is fine. */
void tl_session_destroy(tl_session *session);

/**
 * Makes an empty result, to be used by any number of calls, one after the other.
 *
 * @param out_result  gets the result; end it with tl_result_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_result_create(tl_result **out_result);

/** Number of items: one a text of the last call. 0 for NULL. */
size_t tl_result_count(const tl_result *result);

/**
 * How judging a text ended: TL_OK, or why there is no judgement. TL_ERR_NULL_ARGUMENT for a NULL result and
 * TL_ERR_INVALID_ARGUMENT for an item that is not there.
 */
tl_status tl_result_status(const tl_result *result, size_t item);

/**
 * The sentence that explains a text's failure; empty if it was judged. Never NULL; lives until the result is used
 * again or destroyed.
 */
const char *tl_result_message(const tl_result *result,
                              size_t item);

/**
 * What to do with a text: TL_ACTION_ALLOW, ...; TL_ACTION_BLOCK for a text that was not judged, for NULL and for an
 * item that is not there.
 */
int32_t tl_result_action(const tl_result *result,
                         size_t item);

/**
 * The largest score of any category, a probability in [0,1]; 1 for a text that was not judged, for NULL and for an
 * item that is not there.
 */
float tl_result_risk(const tl_result *result,
                     size_t item);

/**
 * Why: TL_REASON_CLEAR, ...; TL_REASON_FAILED for a text that was not judged, for NULL and for an item that is not
 * there.
 */
int32_t tl_result_reason(const tl_result *result,
                         size_t item);

/** Number of categories that a text was judged for; 0 if it was not. */
size_t tl_result_category_count(const tl_result *result, size_t item);

/**
 * The judgement for one category, `index` below tl_result_category_count.
 *
 * @param out_category  gets the judgement; on failure an empty name, score 1 and flagged 1.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_INVALID_ARGUMENT for an item or index that is not there.
 */
tl_status tl_result_category(const tl_result *result,
                             size_t item,
                             size_t index,
                             tl_category *out_category);

/** Number of spans of a text: one for each flagged category; 0 if it was not judged. */
size_t tl_result_span_count(const tl_result *result, size_t item);

/**
 * One span, `index` below tl_result_span_count: what the model marks of a flagged category, else the bytes of
 * the window or sentence where it scored highest.
 *
 * @param out_span  gets the span; on failure an empty one with score 1.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_INVALID_ARGUMENT for an item or index that is not there.
 */
tl_status tl_result_span(const tl_result *result, size_t item, size_t index, tl_span *out_span);

/** Ends a result; NULL is fine. */
void tl_result_destroy(tl_result *result);

/**
 * Reads a policy file (TOML), and the lists that it names, which lie in its folder or below.
 *
 * @param path        UTF-8, ended by NUL.
 * @param out_policy  gets the policy; end it with tl_policy_destroy, at once after tl_filter_create if you like. NULL on
 *                    failure.
 * @return TL_OK; TL_ERR_IO; TL_ERR_INVALID_ARGUMENT with file and line for what the file holds; TL_ERR_TOO_LARGE;
 *         TL_ERR_UTF8 for the path; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_policy_open(const char *path,
                         tl_policy **out_policy);

/**
 * Reads a policy from its text; one that names files of lists is refused.
 *
 * @param name        names it in errors and records; UTF-8, ended by NUL; NULL: "policy".
 * @param text        TOML, UTF-8, `text_size` bytes.
 * @param out_policy  gets the policy; end it with tl_policy_destroy. NULL on failure.
 * @return as tl_policy_open, less TL_ERR_IO.
 */
tl_status tl_policy_parse(const char *name,
                          const char *text,
                          size_t text_size,
                          tl_policy **out_policy);

/** The policy's name; empty for NULL. Lives as long as the policy. */
const char *tl_policy_name(const tl_policy *policy);

/** sha256 of the policy's text and lists, 64 hexadecimal digits; empty for NULL. Lives as long as the policy. */
const char *tl_policy_sha256(const tl_policy *policy);

/** Ends a policy; NULL is fine. Filters made from it stay usable. */
void tl_policy_destroy(tl_policy *policy);

/**
 * Binds a policy to a pack of an engine, or to none.
 *
 * @param policy      may be destroyed afterwards.
 * @param engine      may be NULL for a policy of rules alone; may be destroyed afterwards.
 * @param pack        name of the engine's pack, UTF-8, ended by NUL; NULL: the first.
 * @param out_filter  gets the filter; end it with tl_filter_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a category that nothing finds, or a label that the pack does not have;
 *         TL_ERR_UNAVAILABLE for a pack that the policy needs and that is not there, or that is no classifier;
 *         TL_ERR_NULL_ARGUMENT; TL_ERR_UTF8.
 */
tl_status tl_filter_create(const tl_policy *policy,
                           const tl_engine *engine,
                           const char *pack,
                           tl_filter **out_filter);

/**
 * Judges one text, as a stream of all its bytes would end.
 *
 * @param options   may be NULL: every default.
 * @param text      UTF-8, `text_size` bytes; may be NULL if `text_size` is 0.
 * @param decision  from tl_decision_create; what it held is replaced. After a failure its action is the policy's `on_failure`
 *                  (block, unless the policy says otherwise), its risk 1.
 * @return TL_OK if the text was judged, also an empty one; TL_ERR_UTF8 or TL_ERR_TOO_LARGE for the text;
 *         TL_ERR_DEADLINE_EXCEEDED; TL_ERR_CANCELLED; TL_ERR_STRUCT_SIZE; TL_ERR_INVALID_ARGUMENT;
 *         TL_ERR_NULL_ARGUMENT. Linear in the text, one model run for each window and each sentence (tl_session_guard).
 */
tl_status tl_filter_judge(const tl_filter *filter,
                          const tl_filter_options *options,
                          const char *text,
                          size_t text_size,
                          tl_decision *decision);

/** Ends a filter; NULL is fine. Its streams and decisions stay usable. */
void tl_filter_destroy(tl_filter *filter);

/**
 * Begins a text that comes in pieces: an answer while it is generated.
 *
 * @param options     may be NULL: every default; `timeout_ms` is for each call.
 * @param out_stream  gets the stream; end it with tl_stream_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT; TL_ERR_UTF8.
 */
tl_status tl_stream_create(const tl_filter *filter,
                           const tl_filter_options *options,
                           tl_stream **out_stream);

/**
 * Takes the next bytes, cut anywhere, also within a character.
 *
 * @param bytes      `size` bytes of UTF-8; may be NULL if `size` is 0.
 * @param out_state  gets where the stream stands; may be NULL. On failure it says blocked, or finished after the end.
 * @return TL_OK; TL_ERR_UTF8 or TL_ERR_TOO_LARGE for the text; TL_ERR_DEADLINE_EXCEEDED; TL_ERR_CANCELLED: after these the
 *         stream releases nothing more, and ends with the policy's `on_failure`. TL_ERR_INVALID_ARGUMENT after the end;
 *         TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_stream_push(tl_stream *stream,
                         const char *bytes,
                         size_t size,
                         tl_stream_state *out_state);

/**
 * Where a stream stands.
 *
 * @param out_state  gets it; on failure it says blocked.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT if another thread uses the stream.
 */
tl_status tl_stream_poll(const tl_stream *stream,
                         tl_stream_state *out_state);

/**
 * The text that was released since the last call, redacted where the policy says so: what may be shown now.
 *
 * @param out_text  gets UTF-8 without a closing NUL; lives until the next call with this stream. Empty on failure.
 * @param out_size  gets its length in bytes.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT if another thread uses the stream.
 */
tl_status tl_stream_take(tl_stream *stream,
                         const char **out_text,
                         size_t *out_size);

/**
 * Ends the text and decides. If the action lets it pass and nothing was blocked on the way, the rest is released: take it
 * with tl_stream_take. A second call gives the same decision.
 *
 * @param decision  from tl_decision_create; what it held is replaced. After a failure its action is the policy's
 *                  `on_failure`, its risk 1.
 * @return as tl_filter_judge.
 */
tl_status tl_stream_finish(tl_stream *stream,
                           tl_decision *decision);

/** Ends a stream, with or without a decision; NULL is fine. */
void tl_stream_destroy(tl_stream *stream);

/**
 * Makes an empty decision, to be used by any number of calls, one after the other.
 *
 * @param out_decision  gets the decision; end it with tl_decision_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_decision_create(tl_decision **out_decision);

/** How judging ended: TL_OK, or why there is no judgement. TL_ERR_NULL_ARGUMENT for NULL. */
tl_status tl_decision_status(const tl_decision *decision);

/**
 * The sentence that explains a failure; empty if the text was judged. Never NULL; lives until the decision is used again or
 * destroyed.
 */
const char *tl_decision_message(const tl_decision *decision);

/** What to do with the text: TL_ACTION_ALLOW, ...; TL_ACTION_BLOCK for NULL and where no filter was reached. */
int32_t tl_decision_action(const tl_decision *decision);

/** The largest score of any category, in [0,1]; 1 without a judgement. */
float tl_decision_risk(const tl_decision *decision);

/** Why: TL_REASON_CLEAR, ...; TL_REASON_FAILED without a judgement. */
int32_t tl_decision_reason(const tl_decision *decision);

/** Number of categories that the text was judged for; 0 if it was not. */
size_t tl_decision_category_count(const tl_decision *decision);

/**
 * The judgement for one category, `index` below tl_decision_category_count, in the policy's order.
 *
 * @param out_category  gets the judgement; on failure an empty name, score 1 and flagged 1. The name lives until the decision
 *                      is used again or destroyed.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_INVALID_ARGUMENT for an index that is not there.
 */
tl_status tl_decision_category(const tl_decision *decision,
                               size_t index,
                               tl_category *out_category);

/** Number of places where flagged categories were found. */
size_t tl_decision_finding_count(const tl_decision *decision);

/**
 * One place, `index` below tl_decision_finding_count, in order of place.
 *
 * @param out_finding  gets the place; on failure an empty one with score 1.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_INVALID_ARGUMENT for an index that is not there.
 */
tl_status tl_decision_finding(const tl_decision *decision,
                              size_t index,
                              tl_finding *out_finding);

/**
 * The text with replacements for what the policy redacts, after tl_filter_judge with TL_ACTION_REDACT; else empty. (A stream
 * gives its redacted text by tl_stream_take.)
 *
 * @param out_size  gets its length in bytes.
 * @return UTF-8 without a closing NUL; never NULL; lives until the decision is used again or destroyed.
 */
const char *tl_decision_redacted(const tl_decision *decision,
                                 size_t *out_size);

/**
 * The decision's record: TL_RECORD_BYTES bytes, little-endian, the same for the same text, policy and pack; without the text.
 *
 * @param latency_us  how long it took by the host's clock, in microseconds; 0: nobody measured.
 * @param out_record  gets TL_RECORD_BYTES bytes; zeros on failure.
 * @param size        the bytes at `out_record`, at least TL_RECORD_BYTES.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_INVALID_ARGUMENT for a small `size`, or where no filter was reached.
 */
tl_status tl_decision_record(const tl_decision *decision,
                             uint32_t latency_us,
                             uint8_t *out_record,
                             size_t size);

/** Ends a decision; NULL is fine. */
void tl_decision_destroy(tl_decision *decision);

/**
 * A byte offset of a text in other units, for hosts whose strings are not UTF-8. Linear in the text.
 *
 * @param text       UTF-8, `text_size` bytes; may be NULL if `text_size` is 0.
 * @param byte       from 0 to `text_size`; one inside a character counts as the character's start.
 * @param out_place  gets the place; zeros on failure.
 * @return TL_OK; TL_ERR_UTF8; TL_ERR_INVALID_ARGUMENT for a byte beyond the text; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_text_place(const char *text, size_t text_size, size_t byte, tl_place *out_place);

/**
 * Aligns the words of two sentences, which are split by Unicode's rules; where a script has no spaces, by the pack's
 * vocabulary.
 *
 * @param session    of an aligner pack.
 * @param options    may be NULL: every default.
 * @param source     UTF-8, `source_size` bytes; may be NULL if that is 0. No word is no error: there is no link.
 * @param target     likewise.
 * @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure.
 * @return TL_OK; TL_ERR_UTF8 or TL_ERR_TOO_LARGE for the text; TL_ERR_UNAVAILABLE if the pack is no aligner;
 *         TL_ERR_DEADLINE_EXCEEDED; TL_ERR_CANCELLED; TL_ERR_BROKEN; TL_ERR_STRUCT_SIZE; TL_ERR_INVALID_ARGUMENT;
 *         TL_ERR_NULL_ARGUMENT. A model run for each side and window.
 */
tl_status tl_session_align_words(tl_session *session,
                                 const tl_align_options *options,
                                 const char *source,
                                 size_t source_size,
                                 const char *target,
                                 size_t target_size,
                                 tl_alignment *alignment);

/**
 * Aligns words as the caller has them. The word ranges of the alignment are those of each word alone: 0 to its size.
 *
 * @param source  `n_source` words; may be NULL if that is 0.
 * @param target  likewise.
 * @return as tl_session_align_words.
 */
tl_status tl_session_align_word_lists(tl_session *session,
                                      const tl_align_options *options,
                                      const tl_text *source,
                                      size_t n_source,
                                      const tl_text *target,
                                      size_t n_target,
                                      tl_alignment *alignment);

/**
 * Aligns the sentences of two documents, in order. The alignment then holds beads, which cover all sentences of both sides.
 *
 * @param options  `largest_bead`, `timeout_ms` and `cancel` are used; may be NULL: every default.
 * @param source   `n_source` sentences; may be NULL if that is 0.
 * @param target   likewise.
 * @return as tl_session_align_words. `largest_bead - 1` model runs a sentence; the search is linear in the sentences.
 */
tl_status tl_session_align_sentences(tl_session *session,
                                     const tl_align_options *options,
                                     const tl_text *source,
                                     size_t n_source,
                                     const tl_text *target,
                                     size_t n_target,
                                     tl_alignment *alignment);

/**
 * Reads links from the caller's own matrix; needs no pack.
 *
 * @param options     `method` and `distortion` are used; may be NULL: every default.
 * @param similarity  `n_source` x `n_target`, row-major: (cos + 1) / 2, or raw scores for TL_ALIGN_SOFTMAX (linked where both
 *                    probabilities exceed 0.001) and TL_ALIGN_ENTMAX; may be NULL if it has no entry.
 * @param alignment   from tl_alignment_create; what it held is replaced. Empty after a failure. It has no word ranges.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for an entry that is not finite, or a shape that no memory can hold;
 *         TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_align_matrix(const tl_align_options *options,
                          const double *similarity,
                          size_t n_source,
                          size_t n_target,
                          tl_alignment *alignment);

/**
 * Reads links from the caller's own vectors; needs no pack.
 *
 * @param options    `method` and `distortion` are used; may be NULL: every default.
 * @param source     `n_source` x `dim`, row-major; may be NULL if it has no number.
 * @param target     `n_target` x `dim`, row-major.
 * @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure. It has no word ranges.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, `dim` 0, or a shape that no memory can hold;
 *         TL_ERR_TOO_LARGE for more than 67,108,864 pairs, but for TL_ALIGN_ARGMAX without distortion; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. In SIMD, with the same links on every CPU.
 */
tl_status tl_align_vectors(const tl_align_options *options,
                           const float *source,
                           size_t n_source,
                           const float *target,
                           size_t n_target,
                           size_t dim,
                           tl_alignment *alignment);

/**
 * Makes an empty alignment, to be used by any number of calls, one after the other.
 *
 * @param out_alignment  gets the alignment; end it with tl_alignment_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_alignment_create(tl_alignment **out_alignment);

/**
 * The links between words, sorted by source, then target.
 *
 * @param out_count  gets their number; 0 for NULL.
 * @return that many links, or NULL if there is none; they live until the alignment is used again or destroyed.
 */
const tl_link *tl_alignment_links(const tl_alignment *alignment,
                                         size_t *out_count);

/**
 * The source words: bytes of the source text.
 *
 * @param out_count  gets their number; 0 for NULL.
 * @return as tl_alignment_links.
 */
const tl_range *tl_alignment_source_words(const tl_alignment *alignment, size_t *out_count);

/**
 * The target words: bytes of the target text.
 *
 * @param out_count  gets their number; 0 for NULL.
 * @return as tl_alignment_links.
 */
const tl_range *tl_alignment_target_words(const tl_alignment *alignment, size_t *out_count);

/**
 * The pairs of sentences, in order.
 *
 * @param out_count  gets their number; 0 for NULL.
 * @return as tl_alignment_links.
 */
const tl_bead *tl_alignment_beads(const tl_alignment *alignment, size_t *out_count);

/** Ends an alignment; NULL is fine. */
void tl_alignment_destroy(tl_alignment *alignment);

/**
 * Reads links from scores of any kind: a transport plan, attention, losses with their sign turned. For similarities see
 * tl_align_matrix.
 *
 * @param options    may be NULL: every score above 0.
 * @param scores     `n_source` x `n_target`, row-major; may be NULL if it has no entry.
 * @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure. The score of a link is its
 *                   entry.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite or out of its range, or a shape that no memory can
 *         hold; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_align_extract(const tl_extract_options *options,
                           const double *scores,
                           size_t n_source,
                           size_t n_target,
                           tl_alignment *alignment);

/**
 * Links where the weights of two translation models, one for each direction, agree (Mask-Align): the pairs of which
 * 2 f b / (f + b) exceeds a threshold.
 *
 * @param forward    `n_source` x `n_target`, row-major; may be NULL if it has no entry.
 * @param backward   the same shape, from the model that ran the other way.
 * @param threshold  0.1 to 0.3 serve most models.
 * @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure. The score of a link is its
 *                   agreement.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, or a shape that no memory can hold;
 *         TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_align_agreement(const double *forward,
                             const double *backward,
                             size_t n_source,
                             size_t n_target,
                             double threshold,
                             tl_alignment *alignment);

/**
 * Links from a classifier that is run once for each word, in both directions (BinaryAlign). No score is given: 1 each.
 *
 * @param forward      marks source words: `n_source` x `n_token` logits over target tokens.
 * @param reverse      marks target words: `n_target` x `n_token` logits over source tokens.
 * @param word_score   TL_WORD_SCORE_MAX, ...
 * @param combination  TL_BOTH_AVERAGE, ...
 * @param threshold    of probabilities; 0.5 is that of the authors.
 * @param alignment    from tl_alignment_create; what it held is replaced. Empty after a failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, a word beyond its side, or a shape that no memory
 *         can hold; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_align_token_runs(const tl_token_runs *forward,
                              const tl_token_runs *reverse,
                              size_t n_source,
                              size_t n_target,
                              uint32_t word_score,
                              uint32_t combination,
                              double threshold,
                              tl_alignment *alignment);

/**
 * Joins the links of two directions. The programs that grow sets differ in the order in which links are tried, and so in what
 * they find.
 *
 * @param method     TL_SYMMETRIZE_GROW_DIAG_FINAL_AND, ...
 * @param order      TL_ORDER_MOSES, ...
 * @param forward    `n_forward` links, in any order; may be NULL if that is 0.
 * @param reverse    `n_reverse` links, from source to target like the others.
 * @param n_source   words of the source.
 * @param n_target   words of the target.
 * @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure. The score of a link is the
 *                   larger one of those that it was given with.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a link beyond the words, or a method that the order lacks;
 *         TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_align_symmetrize(uint32_t method,
                              uint32_t order,
                              const tl_link *forward,
                              size_t n_forward,
                              const tl_link *reverse,
                              size_t n_reverse,
                              size_t n_source,
                              size_t n_target,
                              tl_alignment *alignment);

/**
 * Precision, recall, F1 and alignment error rate of a corpus.
 *
 * @param pairs       `n_pairs` sentence pairs; may be NULL if that is 0.
 * @param out_scores  gets the scores; after a failure, as if no link were right.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT if there are links but no sure ones; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_links_score(const tl_scored_pair *pairs,
                         size_t n_pairs,
                         tl_link_scores *out_scores);

/**
 * The same of speech, each link weighing the seconds of its words (SAER, TW-SAER).
 *
 * @param pairs       as tl_links_score, with `source_seconds` and both numbers of words.
 * @param out_scores  gets the scores; after a failure, as if no link were right.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for seconds that are negative or not finite, a link given twice or beyond the words,
 *         and if what was found, or what is sure, weighs nothing in all; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_links_score_timed(const tl_scored_pair *pairs,
                               size_t n_pairs,
                               tl_link_scores *out_scores);

/**
 * Scores that count words without a link, too (OTAlign): means over sentence pairs. Sure and possible links count alike.
 *
 * @param pairs      as tl_links_score, with both numbers of words; at least one.
 * @param out_links  gets the shares of links; may be NULL.
 * @param out_null   gets those of words without a link; may be NULL.
 * @param out_total  gets those of both; may be NULL.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for no pair, or a link beyond the words; TL_ERR_NULL_ARGUMENT. All shares are 0
 *         after a failure.
 */
tl_status tl_links_score_with_null(const tl_scored_pair *pairs,
                                   size_t n_pairs,
                                   tl_link_shares *out_links,
                                   tl_link_shares *out_null,
                                   tl_link_shares *out_total);

/**
 * The plan of least cost between two sides, with or without entropy. For links give it to tl_align_extract.
 *
 * @param options      may be NULL: every default.
 * @param cost         `n_source` x `n_target`, row-major; may be NULL if it has no entry.
 * @param source_mass  `n_source` masses above 0; NULL: 1 of each.
 * @param target_mass  `n_target` likewise.
 * @param out_plan     gets `n_source` x `n_target` numbers; untouched after a failure.
 * @param out_cost     gets the sum of cost times plan; may be NULL.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite or out of its range, or a shape that no memory can
 *         hold; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. At most two exponentials for each pair and round, or the pivots
 *         of a network simplex.
 */
tl_status tl_transport_plan(const tl_transport_options *options,
                            const double *cost,
                            size_t n_source,
                            size_t n_target,
                            const double *source_mass,
                            const double *target_mass,
                            double *out_plan,
                            double *out_cost);

/**
 * A soft permutation of scores (Gumbel-Sinkhorn): columns sum to 1, rows nearly.
 *
 * @param scores       `n` x `n`, row-major; may be NULL if `n` is 0.
 * @param temperature  above 0; the lower, the harder.
 * @param rounds       of rows and columns made to sum to 1.
 * @param uniform      `n` x `n` numbers in [0, 1] that make Gumbel noise; NULL: none, as at inference.
 * @param noise        the factor of that noise.
 * @param out_plan     gets `n` x `n` numbers; untouched after a failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite or out of its range, or a shape that no memory can
 *         hold; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_soft_permutation(const double *scores,
                              size_t n,
                              double temperature,
                              uint32_t rounds,
                              const double *uniform,
                              double noise,
                              double *out_plan);

/**
 * Finds translations among unordered sentences, from the vectors of both sides (margin mining).
 *
 * @param options    may be NULL: every default.
 * @param source     `n_source` x `dim`, row-major; may be NULL if it has no number.
 * @param target     `n_target` x `dim`.
 * @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure. It gets a link for each pair,
 *                   with its margin as the score; by source.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, or `dim` 0; TL_ERR_TOO_LARGE for more than
 *         67,108,864 pairs; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. 8 bytes a pair of sentences.
 */
tl_status tl_mine_vectors(const tl_mining_options *options,
                          const float *source,
                          size_t n_source,
                          const float *target,
                          size_t n_target,
                          size_t dim,
                          tl_alignment *alignment);

/**
 * The nearest target of every source vector, by cosines less those of the neighbourhoods, so that no target is near to
 * everything (CSLS).
 *
 * @param source       `n_source` x `dim`, row-major; may be NULL if it has no number.
 * @param target       `n_target` x `dim`.
 * @param neighbours   how many are a neighbourhood; 0: 10.
 * @param out_nearest  gets `n_source` positions of targets, of equals the first; (size_t)-1 each where there is no target.
 * @param out_scores   gets `n_source` x `n_target` numbers, 2 cos less the mean cosines of both neighbourhoods; may be NULL.
 * @return as tl_mine_vectors. Both are untouched after a failure.
 */
tl_status tl_retrieve_vectors(const float *source,
                              size_t n_source,
                              const float *target,
                              size_t n_target,
                              size_t dim,
                              uint32_t neighbours,
                              size_t *out_nearest,
                              double *out_scores);

/**
 * The orthogonal map that takes one set of vectors nearest to the other, pair by pair (Procrustes).
 *
 * @param source        `n` x `dim`, row-major; may be NULL if it has no number.
 * @param target        `n` x `dim`.
 * @param out_map       gets `dim` x `dim` numbers: the row vector x becomes x map; untouched after a failure.
 * @param out_residual  gets the Frobenius norm of what is left between the mapped and the target vectors; may be NULL.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, or `dim` 0; TL_ERR_NULL_ARGUMENT. O(dim³) for each
 *         of some ten sweeps.
 */
tl_status tl_procrustes(const double *source,
                        const double *target,
                        size_t n,
                        size_t dim,
                        double *out_map,
                        double *out_residual);

/**
 * Aligns the sentences of two documents, in order, by the vectors of sentences and of the runs of sentences that end at each.
 * The alignment then holds beads, which cover all sentences of both sides; a score is Vecalign's cost for each pair of
 * sentences (the less, the better), or Bertalign's gain.
 *
 * @param options       may be NULL: every default.
 * @param source        `n_layer` x `n_source` x `dim`: in layer k the vector of the k + 1 sentences that end at each one; the
 *                      first k rows of layer k are not used, but are finite. May be NULL if it has no number.
 * @param target        `n_layer` x `n_target` x `dim`.
 * @param source_bytes  Bertalign: the bytes of each of those runs, `n_layer` x `n_source`; NULL: lengths do not count.
 * @param target_bytes  likewise; NULL if and only if `source_bytes` is.
 * @param alignment     from tl_alignment_create; what it held is replaced. Empty after a failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite or out of its range, `dim` or `n_layer` 0, or a shape
 *         that no memory can hold; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. A copy or two of the vectors is made.
 */
tl_status tl_align_sentence_vectors(const tl_bead_options *options,
                                    const float *source,
                                    size_t n_source,
                                    const float *target,
                                    size_t n_target,
                                    size_t n_layer,
                                    size_t dim,
                                    const size_t *source_bytes,
                                    const size_t *target_bytes,
                                    tl_alignment *alignment);

/**
 * Pairs documents by the share of their sentences that are translations of each other (the Document Alignment Coefficient),
 * each document at most once.
 *
 * @param source           vectors of all sentences of the first language, `dim` numbers each, document after document.
 * @param source_counts    the sentences of each of `n_source_docs` documents; they say how many vectors there are.
 * @param target           likewise of the second language.
 * @param neighbours       how many nearest sentences a sentence stands out from; 0: 4.
 * @param alignment        from tl_alignment_create; what it held is replaced. Empty after a failure. It gets a link for each
 *                         pair of documents, with its coefficient, from 0 to 1, as the score; the best first.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, `dim` 0, or more sentences than memory can hold;
 *         TL_ERR_TOO_LARGE for more than 67,108,864 pairs of sentences; TL_ERR_NULL_ARGUMENT. 8 bytes a pair of sentences.
 */
tl_status tl_align_document_vectors(const float *source,
                                    const size_t *source_counts,
                                    size_t n_source_docs,
                                    const float *target,
                                    const size_t *target_counts,
                                    size_t n_target_docs,
                                    size_t dim,
                                    uint32_t neighbours,
                                    tl_alignment *alignment);

/**
 * Cuts one answer at the sentence ends that come nearest to equal numbers of characters (PORTIA).
 *
 * @param lengths     characters of each of `n` sentences.
 * @param n_segments  from 1 to `n`.
 * @param out_cuts    gets `n_segments` - 1 numbers: how many sentences lie before each cut; untouched after a failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for another number of segments; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_split_by_length(const size_t *lengths,
                             size_t n,
                             size_t n_segments,
                             size_t *out_cuts);

/**
 * Cuts two answers into as many segments each, so that the segments are as alike as can be, in turn (PORTIA).
 *
 * @param a               `n_a` sentences of the first answer.
 * @param b               `n_b` sentences of the second.
 * @param n_segments      from 1 to the smaller number of sentences.
 * @param similarity      NULL: the share of distinct words, split at white space, that two segments have in common.
 * @param user            handed to `similarity` as it is.
 * @param out_cuts_a      gets `n_segments` - 1 numbers: how many sentences lie before each cut; untouched after a failure.
 * @param out_cuts_b      likewise.
 * @param out_similarity  gets the sum over the segments; may be NULL.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for another number of segments, or a similarity that is not finite; TL_ERR_UTF8;
 *         TL_ERR_NULL_ARGUMENT. O(n_a² n_b²) similarities.
 */
tl_status tl_split_answers(const tl_text *a,
                           size_t n_a,
                           const tl_text *b,
                           size_t n_b,
                           size_t n_segments,
                           tl_segment_similarity similarity,
                           void *user,
                           size_t *out_cuts_a,
                           size_t *out_cuts_b,
                           double *out_similarity);

/**
 * The scores of all pairs of nodes of two graphs, minus the L1 distance of their embeddings: tl_soft_permutation makes the plan
 * of nodes from them (GraphEdX).
 *
 * @param query       `n` x `dim`, row-major, padded to the larger graph; may be NULL if it has no number.
 * @param corpus      `n` x `dim`.
 * @param out_scores  gets `n` x `n` numbers; untouched after a failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, `dim` 0, or a shape that no memory can hold;
 *         TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_graph_node_scores(const double *query,
                               const double *corpus,
                               size_t n,
                               size_t dim,
                               double *out_scores);

/**
 * The plan of edges that a plan of nodes makes. Edges are all pairs u < v, by u, then v.
 *
 * @param nodes     `n` x `n`, row-major; may be NULL if `n` is 0.
 * @param out_plan  gets e x e numbers, e = n (n - 1) / 2; untouched after a failure. May be NULL if `n` is below 2.
 * @return TL_OK; TL_ERR_TOO_LARGE for more than 128 nodes; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_graph_edge_plan(const double *nodes,
                             size_t n,
                             double *out_plan);

/**
 * One term of the distance of two graphs (GraphEdX): that of nodes with the plan of nodes, or of edges with theirs. The distance
 * is `node_weight` times the first plus the second.
 *
 * @param query         embeddings, `n` x `dim`, row-major, padded.
 * @param query_real    for each row whether it is real (not 0) or padding (0).
 * @param corpus        likewise of the other graph.
 * @param corpus_real   likewise.
 * @param plan          `n` x `n`.
 * @param insert        what one more costs.
 * @param remove        what one less costs.
 * @param form          TL_GRAPH_ALIGN_DIFF, ...
 * @param out_distance  gets the term; infinity after a failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, another form, or a shape that no memory can hold;
 *         TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_graph_distance(const double *query,
                            const uint8_t *query_real,
                            const double *corpus,
                            const uint8_t *corpus_real,
                            size_t n,
                            size_t dim,
                            const double *plan,
                            double insert,
                            double remove,
                            uint32_t form,
                            double *out_distance);

/**
 * The least cost of turning one small, undirected graph without labels into the other.
 *
 * @param query_edges   `n_query_edges` edges; may be NULL if that is 0.
 * @param n_query       nodes, at most 10.
 * @param corpus_edges  likewise of the other graph.
 * @param costs         what changes cost.
 * @param out_distance  gets the cost; infinity after a failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for more than 10 nodes, an edge to a node that is not there or to itself, or a cost
 *         that is negative or not finite; TL_ERR_NULL_ARGUMENT. O(n! n) at the worst.
 */
tl_status tl_graph_edit_distance(const tl_edge *query_edges,
                                 size_t n_query_edges,
                                 size_t n_query,
                                 const tl_edge *corpus_edges,
                                 size_t n_corpus_edges,
                                 size_t n_corpus,
                                 const tl_graph_costs *costs,
                                 double *out_distance);

/**
 * Makes an empty correction, to be used by any number of calls, one after the other.
 *
 * @param out_correction  gets the correction; end it with tl_correction_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_correction_create(tl_correction **out_correction);

/**
 * Judges whether an answer is fine as it stands, with the session's inspector pack.
 *
 * @param options        may be NULL: every default.
 * @param question       UTF-8, `question_size` bytes; may be NULL if `question_size` is 0: no question is known.
 * @param answer         UTF-8, `answer_size` bytes.
 * @param out_aligned    gets the probability that the answer is fine; 0 on failure.
 * @return TL_OK; TL_ERR_UTF8, TL_ERR_EMPTY_TEXT or TL_ERR_TOO_LARGE for a text; TL_ERR_UNAVAILABLE if the session's pack is no
 *         inspector; TL_ERR_DEADLINE_EXCEEDED; TL_ERR_CANCELLED; TL_ERR_BROKEN; TL_ERR_STRUCT_SIZE;
 *         TL_ERR_INVALID_ARGUMENT; TL_ERR_NULL_ARGUMENT. One model run for each piece of the answer that fits beside the
 *         question.
 */
tl_status tl_session_inspect(tl_session *session,
                             const tl_correct_options *options,
                             const char *question,
                             size_t question_size,
                             const char *answer,
                             size_t answer_size,
                             double *out_aligned);

/**
 * Corrects a text, the answer to a question if there is one, with the session's corrector pack. A guard and an inspector
 * among the engine's packs judge the correction: one that the guard blocks, or the inspector finds worse, is not taken.
 *
 * A corrector that fails leaves the text as it is, and this returns TL_OK with the reason "failed"; a guard that fails is an
 * error.
 *
 * @param options        may be NULL: every default.
 * @param question       UTF-8, `question_size` bytes; may be NULL if `question_size` is 0.
 * @param answer         UTF-8, `answer_size` bytes: the text.
 * @param correction     from tl_correction_create; what it held is replaced.
 * @return TL_OK; TL_ERR_UTF8, TL_ERR_EMPTY_TEXT or TL_ERR_TOO_LARGE for a text; TL_ERR_UNAVAILABLE if the session's pack is no
 *         corrector; TL_ERR_BROKEN; TL_ERR_STRUCT_SIZE; TL_ERR_INVALID_ARGUMENT; TL_ERR_NULL_ARGUMENT. One model run a
 *         window for a text that needs nothing, a few more for one that does.
 */
tl_status tl_session_correct(tl_session *session,
                             const tl_correct_options *options,
                             const char *question,
                             size_t question_size,
                             const char *answer,
                             size_t answer_size,
                             tl_correction *correction);

/**
 * The corrected text, or the original if no correction was taken.
 *
 * @param out_size  gets its length in bytes; may be NULL. 0 for NULL and after a failure.
 * @return UTF-8 with a NUL behind it; never NULL. It lives until the correction is used again or destroyed.
 */
const char *tl_correction_text(const tl_correction *correction, size_t *out_size);

/** 1 if the text differs from the original, else 0. */
int32_t tl_correction_changed(const tl_correction *correction);

/** 1 if the text is what the corrector wants, a correction that was taken or an original that needs none; else 0. */
int32_t tl_correction_accepted(const tl_correction *correction);

/**
 * Why: "accepted", "unchanged", "declined" (nothing harmless was found that keeps enough), "empty", "too_long", "filter",
 * "score", "failed"; "" after a failure. Never NULL; lives until the correction is used again or destroyed.
 */
const char *tl_correction_reason(const tl_correction *correction);

/** The status behind the reason "failed"; TL_OK for every other reason. */
tl_status tl_correction_status(const tl_correction *correction);

/**
 * The share of words that were kept, of the longer text's, from 0 to 1; -1 where it is not known, for texts of more than 4,096
 * words and after a failure.
 */
double tl_correction_copy_ratio(const tl_correction *correction);

/**
 * What was replaced, by place in the original.
 *
 * @param out_count  gets their number; 0 for NULL.
 * @return that many edits, or NULL if there is none; they live until the correction is used again or destroyed.
 */
const tl_edit *tl_correction_edits(const tl_correction *correction,
                                          size_t *out_count);

/** Ends a correction; NULL is fine. */
void tl_correction_destroy(tl_correction *correction);

/**
 * Makes a draft without a text. One thread uses it at a time.
 *
 * @param pack       name of the engine's pack to use, UTF-8, ended by NUL; NULL: the first.
 * @param out_draft  gets the draft; end it with tl_draft_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_UNAVAILABLE if the engine has no such pack or it does not write; TL_ERR_NULL_ARGUMENT; TL_ERR_UTF8.
 */
tl_status tl_draft_create(const tl_engine *engine,
                          const char *pack,
                          tl_draft **out_draft);

/**
 * Starts a text anew: after a prompt, or for an encoder-decoder from the text that its encoder reads. The pack's own first
 * tokens come before.
 *
 * @param prompt  UTF-8, `size` bytes; may be NULL if `size` is 0.
 * @return TL_OK; TL_ERR_UTF8, TL_ERR_TOO_LARGE, or TL_ERR_EMPTY_TEXT for an encoder; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT if
 *         another thread uses the draft; TL_ERR_NULL_ARGUMENT. One model run, two with an encoder.
 */
tl_status tl_draft_begin(tl_draft *draft,
                         const char *prompt,
                         size_t size);

/**
 * Adds tokens to the text.
 *
 * @param tokens  `n` token ids: the one that you picked, or several at once.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for no token, one beyond the vocabulary, or no text; TL_ERR_TOO_LARGE beyond the
 *         pack's longest text; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT. One model run. After a failure the text is as it was.
 */
tl_status tl_draft_step(tl_draft *draft,
                        const uint32_t *tokens,
                        size_t n);

/**
 * Goes on with a text, cut into tokens by itself: what is said after a prompt that stays the same, which was begun once and gone back to.
 *
 * @param bytes  UTF-8, `size` bytes.
 * @return TL_OK; TL_ERR_EMPTY_TEXT for a text without a token; TL_ERR_UTF8; TL_ERR_TOO_LARGE; TL_ERR_INVALID_ARGUMENT before a text was
 *         begun; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT. One model run.
 */
tl_status tl_draft_append(tl_draft *draft,
                          const char *bytes,
                          size_t size);

/**
 * What may follow: a logit for each token of the vocabulary.
 *
 * @param logits   gets them.
 * @param n_vocab  how many there is room for: tl_draft_vocabulary.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT before a text was started or after it was cut, and for another size; TL_ERR_BROKEN;
 *         TL_ERR_NULL_ARGUMENT. A copy.
 */
tl_status tl_draft_logits(const tl_draft *draft,
                          float *logits,
                          size_t n_vocab);

/** Tokens of the text so far, those before it among them; 0 without one. */
size_t tl_draft_length(const tl_draft *draft);

/**
 * Goes back to the first `length` tokens: what was rejected. A step has to follow before there are logits again.
 *
 * @return TL_OK; TL_ERR_UNAVAILABLE if the model keeps what cannot be taken back; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_draft_truncate(tl_draft *draft,
                            size_t length);

/** Tokens of the vocabulary; 0 for NULL. */
size_t tl_draft_vocabulary(const tl_draft *draft);

/** 1 if a token ends a text, else 0. */
int32_t tl_draft_is_end(const tl_draft *draft, uint32_t token);

/**
 * The bytes that a token stands for: a part of a character at times, and none for special tokens.
 *
 * @param bytes     gets them; may be NULL if `room` is 0.
 * @param room      how many there is room for.
 * @param out_size  gets how many there are, also where there is less room, and then nothing is written.
 * @return TL_OK; TL_ERR_TOO_LARGE if there is less room; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_draft_token(const tl_draft *draft,
                         uint32_t token,
                         char *bytes,
                         size_t room,
                         size_t *out_size);

/** Ends a draft; NULL is fine. */
void tl_draft_destroy(tl_draft *draft);

/**
 * Writes a text after a prompt, or for an encoder-decoder from the text that its encoder reads, with the session's pack.
 *
 * @param options    may be NULL: every default.
 * @param prompt     UTF-8, `prompt_size` bytes; may be NULL if `prompt_size` is 0.
 * @param each       gets the text as it is written; of a search, all of it at the end.
 * @param user       handed to `each` as it is.
 * @param out_ended  gets 1 if the text came to its end, and 0 if it stopped at the most tokens or by `each`; may be NULL.
 * @return TL_OK; TL_ERR_UTF8, TL_ERR_TOO_LARGE, or TL_ERR_EMPTY_TEXT for an encoder; TL_ERR_UNAVAILABLE if the pack does not
 *         write; TL_ERR_DEADLINE_EXCEEDED; TL_ERR_CANCELLED; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT for the options, and for a
 *         session that another call is using, `each` among them; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. One model run for
 *         each token.
 */
tl_status tl_session_write(tl_session *session,
                           const tl_write_options *options,
                           const char *prompt,
                           size_t prompt_size,
                           tl_text_fn each,
                           void *user,
                           int32_t *out_ended);

/**
 * Makes a pipeline. One thread uses it at a time.
 *
 * @param config        may be NULL: no stage but your own model.
 * @param out_pipeline  gets the pipeline; end it with tl_pipeline_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_UNAVAILABLE if the engine has no such pack, or it is of another family than its place asks for;
 *         TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT; TL_ERR_UTF8.
 */
tl_status tl_pipeline_create(const tl_engine *engine,
                             const tl_pipeline_config *config,
                             tl_pipeline **out_pipeline);

/**
 * Takes a request through everything, your model in the middle.
 *
 * A filter that fails blocks; a rewriter, an inspector or a corrector that fails leaves the text as it is, and the filter still
 * judges that. The trace names what failed.
 *
 * @param options   may be NULL: every default.
 * @param request   UTF-8, `request_size` bytes.
 * @param generate  your model.
 * @param show      gets of the answer what may be shown while it is written, unless a corrector may still change it; what it
 *                  returns means nothing. May be NULL.
 * @param user      handed to both as it is.
 * @param outcome   from tl_outcome_create; what it held is replaced. After a failure it blocks.
 * @return TL_OK; TL_ERR_HOST if `generate` fails; TL_ERR_UTF8 or TL_ERR_TOO_LARGE for an answer where there is no filter, which
 *         blocks such ones; TL_ERR_UTF8 for the request; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT for the options, and for a
 *         pipeline that another call is using, `generate` among them; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_pipeline_run(tl_pipeline *pipeline,
                          const tl_pipeline_options *options,
                          const char *request,
                          size_t request_size,
                          tl_generate_fn generate,
                          tl_text_fn show,
                          void *user,
                          tl_outcome *outcome);

/**
 * Takes the next bytes of the answer, cut anywhere, also within a character. Only within tl_generate_fn.
 *
 * @param bytes  `size` bytes of UTF-8; may be NULL if `size` is 0.
 * @return 1 to go on; 0 if nothing more of the answer will be shown, so that the model may stop.
 */
int32_t tl_sink_push(tl_sink *sink, const char *bytes, size_t size);

/**
 * The part after generation, for an answer that is there already: filter, inspectors, correctors, filter.
 *
 * @param options  may be NULL: every default.
 * @param request  UTF-8, `request_size` bytes; may be NULL if `request_size` is 0.
 * @param answer   UTF-8, `answer_size` bytes.
 * @param outcome  from tl_outcome_create; what it held is replaced. After a failure it blocks.
 * @return TL_OK; TL_ERR_UTF8; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_pipeline_answer(tl_pipeline *pipeline,
                             const tl_pipeline_options *options,
                             const char *request,
                             size_t request_size,
                             const char *answer,
                             size_t answer_size,
                             tl_outcome *outcome);

/** Ends a pipeline; NULL is fine. */
void tl_pipeline_destroy(tl_pipeline *pipeline);

/**
 * Makes an empty outcome, which blocks, to be used by any number of calls, one after the other.
 *
 * @param out_outcome  gets the outcome; end it with tl_outcome_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_outcome_create(tl_outcome **out_outcome);

/** TL_ACTION_ALLOW or TL_ACTION_REDACT: show the text; everything else, NULL among it: show none. */
int32_t tl_outcome_action(const tl_outcome *outcome);

/** 1 if a corrector changed the answer, else 0. */
int32_t tl_outcome_corrected(const tl_outcome *outcome);

/**
 * What may be shown, redacted where the policy says so.
 *
 * @param out_size  gets its length in bytes; may be NULL. 0 if nothing may be shown.
 * @return UTF-8 with a NUL behind it; never NULL. It lives until the outcome is used again or destroyed.
 */
const char *tl_outcome_text(const tl_outcome *outcome, size_t *out_size);

/**
 * Every stage that ran, in order.
 *
 * @param out_count  gets their number; 0 for NULL.
 * @return that many steps, or NULL if there is none; they live until the outcome is used again or destroyed.
 */
const tl_trace_step *tl_outcome_trace(const tl_outcome *outcome, size_t *out_count);

/** Ends an outcome; NULL is fine. */
void tl_outcome_destroy(tl_outcome *outcome);

/**
 * DeRa: the logits between and beyond two models, `reference + lambda * (aligned - reference)`. `lambda` 0 is the reference and 1
 * the aligned model, bit for bit. A token masked (-inf) by either model stays masked.
 *
 * @param reference  `n_vocab` logits of the unaligned model.
 * @param aligned    `n_vocab` logits of the aligned model, at the same text.
 * @param lambda     any finite number.
 * @param logits     gets `n_vocab` logits; all masked on failure.
 * @param out_token  gets the likeliest token, the lower of equals; may be NULL.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT if `lambda` or a logit is NaN or +inf, or a result is too large; TL_ERR_NO_CANDIDATE if
 *         all are masked; TL_ERR_NULL_ARGUMENT. No heap call.
 */
tl_status tl_decode_dera(const float *reference,
                         const float *aligned,
                         size_t n_vocab,
                         float lambda,
                         float *logits,
                         uint32_t *out_token);

/**
 * ARGS and Transfer Q*: the scores of candidates by their logits and by a reward model's opinion, `logit + w * reward`; with
 * `targets`, the indirect form `logit + w * exp((target - reward) / 2) * target`.
 *
 * @param logits     `n_vocab` logits; -inf masks a token.
 * @param tokens     `n` candidates, of tl_sampler_candidates for example.
 * @param rewards    `n` rewards: of the text with each candidate, or of a continuation of it.
 * @param targets    NULL, or `n` rewards by the target's model, where `rewards` are the baseline's.
 * @param w          the reward's weight; 1.5 in the released ARGS.
 * @param scores     gets `n` scores.
 * @param out_token  gets the candidate of the largest score, the first of equals.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a candidate beyond the vocabulary, and for what is not finite; TL_ERR_NO_CANDIDATE if
 *         all candidates are masked; TL_ERR_NULL_ARGUMENT. No heap call.
 */
tl_status tl_decode_guided(const float *logits,
                           size_t n_vocab,
                           const uint32_t *tokens,
                           size_t n,
                           const double *rewards,
                           const double *targets,
                           double w,
                           double *scores,
                           uint32_t *out_token);

/**
 * The entropy of what may follow, in nats, of the full untempered distribution: what CARDS ends a segment by.
 *
 * @param out_entropy  gets it; 0 on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for NaN and +inf; TL_ERR_NO_CANDIDATE if all tokens are masked; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_decode_entropy(const float *logits,
                            size_t n_vocab,
                            double *out_entropy);

/**
 * Best-of-n: the answer of the largest score, the first of equals. NaN is never taken.
 *
 * @param out_index  gets its place.
 * @return TL_OK; TL_ERR_NO_CANDIDATE for no scores, or none but NaN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_decode_best(const double *scores, size_t n, size_t *out_index);

/**
 * Makes a sampler. One thread uses it at a time.
 *
 * @param n_vocab      tokens of the vocabulary, 1 to 2^31.
 * @param out_sampler  gets the sampler; end it with tl_sampler_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_NULL_ARGUMENT. 40 bytes for each token.
 */
tl_status tl_sampler_create(size_t n_vocab, tl_sampler **out_sampler);

/**
 * The `k` tokens of largest logit: the largest first, the lower of equals before the other, masked ones last.
 *
 * @param logits  `n_vocab` logits; -inf masks a token.
 * @param k       1 to `n_vocab`.
 * @param tokens  gets `k` ids.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for NaN, +inf, `k`, and another vocabulary; TL_ERR_NO_CANDIDATE if all are masked;
 *         TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_sampler_candidates(tl_sampler *sampler,
                                const float *logits,
                                size_t n_vocab,
                                size_t k,
                                uint32_t *tokens);

/**
 * Draws a token by temperature, top-k and top-p: the first at which the sum of probabilities, from the likeliest on, exceeds the
 * uniform.
 *
 * @param sampling   may be NULL: the likeliest token.
 * @param logits     `n_vocab` logits; -inf masks a token.
 * @param uniform    between 0 and 1, both excluded: yours, so that a run can be repeated.
 * @param out_token  gets the token.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for NaN, +inf, the options, the uniform, and another vocabulary; TL_ERR_NO_CANDIDATE if all
 *         are masked; TL_ERR_BROKEN; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_sampler_draw(tl_sampler *sampler,
                          const tl_sampling *sampling,
                          const float *logits,
                          size_t n_vocab,
                          double uniform,
                          uint32_t *out_token);

/**
 * Draws a token by the watermark that leaves the distribution as it is: the token of largest `ln(u) / p`, with `u` from a secret key
 * and the tokens before.
 *
 * @param logits       `n_vocab` logits; -inf masks a token.
 * @param temperature  divides them; above 0.
 * @param key          the secret.
 * @param context      `n_context` tokens before this one.
 * @param out_token    gets the token.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_NO_CANDIDATE; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_sampler_gumbel(tl_sampler *sampler,
                            const float *logits,
                            size_t n_vocab,
                            float temperature,
                            uint64_t key,
                            const uint32_t *context,
                            size_t n_context,
                            uint32_t *out_token);

/** Ends a sampler; NULL is fine. */
void tl_sampler_destroy(tl_sampler *sampler);

/**
 * Starts an answer. One thread uses it at a time.
 *
 * @param options        may be NULL: the defaults of the original.
 * @param prompt_reward  the reward model's score of the prompt alone.
 * @param out_cards      gets it; end it with tl_cards_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for `beta`, flags that are neither 0 nor 1, and what is not finite; TL_ERR_STRUCT_SIZE;
 *         TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_cards_create(const tl_cards_options *options,
                          double prompt_reward,
                          tl_cards **out_cards);

/** TL_CARDS_MODEL, TL_CARDS_TOKEN, TL_CARDS_REWARD or TL_CARDS_DONE: what is due. TL_CARDS_DONE for NULL. */
uint32_t tl_cards_due(const tl_cards *cards);

/**
 * Takes the entropy of what may follow the candidate: tl_decode_entropy.
 *
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT if it is not due, or NaN; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_cards_entropy(tl_cards *cards, double entropy);

/**
 * Takes the next token of the candidate.
 *
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT if it is not due; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_cards_token(tl_cards *cards, uint32_t token);

/**
 * Takes the reward of prompt and candidate.
 *
 * @param uniform   between 0 and 1, both excluded; used for an acceptance that is not hard.
 * @param out_kept  gets TL_CARDS_REJECTED, TL_CARDS_ACCEPTED or TL_CARDS_BEST.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT if it is not due, for a reward that is NaN, and a uniform out of range where one is used;
 *         TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_cards_reward(tl_cards *cards,
                          double reward,
                          double uniform,
                          uint32_t *out_kept);

/** Tokens of the candidate: of the answer so far, with those of the segment in the making. 0 for NULL. */
size_t tl_cards_length(const tl_cards *cards);

/**
 * The tokens of the candidate; of the answer, once it is done.
 *
 * @param tokens  gets them.
 * @param n       how many there is room for: tl_cards_length.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for another number; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_cards_answer(const tl_cards *cards, uint32_t *tokens, size_t n);

/** Ends an answer; NULL is fine. */
void tl_cards_destroy(tl_cards *cards);

/**
 * Makes a watermark, to write and to read. One thread uses it at a time.
 *
 * @param out_watermark  gets it; end it with tl_watermark_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_watermark_create(const tl_watermark_options *options,
                              tl_watermark **out_watermark);

/**
 * Adds `delta` to the logits of the green tokens. -inf stays.
 *
 * @param before    `n_before` tokens before this one, of which the last one, three or four count.
 * @param delta     2 in the original.
 * @param logits    `n_vocab` logits, changed in place.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for too few tokens, another vocabulary, NaN and +inf; TL_ERR_BROKEN;
 *         TL_ERR_NULL_ARGUMENT. No heap call after the first.
 */
tl_status tl_watermark_bias(tl_watermark *watermark,
                            const uint32_t *before,
                            size_t n_before,
                            float delta,
                            float *logits,
                            size_t n_vocab);

/**
 * Counts the green tokens of a text. A `z` above 4 is the usual bound.
 *
 * @param tokens         `n` ids.
 * @param distinct       1: each token after the same ones counts once; 0: every one.
 * @param out_detection  gets what was found; on failure nothing: z 0, p 1.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a token beyond the vocabulary, and too few to judge one; TL_ERR_BROKEN;
 *         TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_watermark_detect(tl_watermark *watermark,
                              const uint32_t *tokens,
                              size_t n,
                              int32_t distinct,
                              tl_detection *out_detection);

/** Ends a watermark; NULL is fine. */
void tl_watermark_destroy(tl_watermark *watermark);

/**
 * Judges a text that tl_sampler_gumbel may have drawn: every token by the key and the `width` tokens before it.
 *
 * @param tokens         `n` ids; the first `width` are not judged.
 * @param width          tokens of context that the writer gave.
 * @param out_detection  gets what was found; on failure nothing: z 0, p 1.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for too few tokens to judge one; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_gumbel_detect(uint64_t key,
                           const uint32_t *tokens,
                           size_t n,
                           size_t width,
                           tl_detection *out_detection);

/**
 * Judges a text that alignment resampling may have drawn: several answers were drawn, each with its number, from 0 up, behind the
 * `width` tokens of context that tl_sampler_gumbel got, and the best was kept.
 *
 * @param tokens         `n` ids; the first `width` are not judged.
 * @param width          tokens of context that the writer gave, without the number of the draw.
 * @param n_draws        answers that were drawn, 1 or more.
 * @param out_draw       gets the number of the draw that shows most; may be NULL.
 * @param out_detection  gets what it shows, `p` multiplied by the draws; on failure nothing: z 0, p 1.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for no draws, and too few tokens to judge one; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_gumbel_detect_draws(uint64_t key,
                                 const uint32_t *tokens,
                                 size_t n,
                                 size_t width,
                                 uint32_t n_draws,
                                 uint32_t *out_draw,
                                 tl_detection *out_detection);

/**
 * Takes the bytes of each token. Special tokens have none, whatever they are called.
 *
 * @param bytes           the bytes of all tokens, one after the other.
 * @param ends            `n_vocab` places: where each token's bytes end; they begin where those before it end.
 * @param out_vocabulary  gets the vocabulary; end it with tl_vocabulary_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for places that fall, or 2^32 tokens; TL_ERR_NULL_ARGUMENT. A copy and a sort.
 */
tl_status tl_vocabulary_create(const char *bytes,
                               const size_t *ends,
                               size_t n_vocab,
                               tl_vocabulary **out_vocabulary);

/** Ends a vocabulary; NULL is fine. What was made from it keeps what it needs. */
void tl_vocabulary_destroy(tl_vocabulary *vocabulary);

/**
 * Makes a healing, with nothing to spell. One thread uses it at a time; it keeps the masks that it made.
 *
 * @param out_healing  gets it; end it with tl_healing_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_healing_create(const tl_vocabulary *vocabulary, tl_healing **out_healing);

/**
 * Takes back the last tokens of a prompt.
 *
 * @param prompt     `n` ids.
 * @param backtrack  how many are taken back, 3 in the usual; all if there are fewer.
 * @param out_kept   gets how many stay: cut the text there.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a token beyond the vocabulary; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_healing_start(tl_healing *healing,
                           const uint32_t *prompt,
                           size_t n,
                           size_t backtrack,
                           size_t *out_kept);

/** Bytes that are still to be spelled; 0 if any token may follow. */
size_t tl_healing_remaining(const tl_healing *healing);

/**
 * Masks the logits of the tokens that may not follow.
 *
 * @param logits  `n_vocab` logits, changed in place.
 * @return TL_OK; TL_ERR_NO_CANDIDATE at a dead end, where nothing is left: take the prompt as it was; TL_ERR_INVALID_ARGUMENT for
 *         another vocabulary; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT. For bytes that were masked for before no heap call.
 */
tl_status tl_healing_mask(tl_healing *healing,
                          float *logits,
                          size_t n_vocab);

/**
 * Takes the token that was picked.
 *
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a token beyond the vocabulary, or one that does not spell what is left; TL_ERR_BROKEN;
 *         TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_healing_advance(tl_healing *healing,
                             uint32_t token);

/** Ends a healing; NULL is fine. */
void tl_healing_destroy(tl_healing *healing);

/**
 * ARGS, drawn and not picked: the first candidate, in the order given, at which the sum of `softmax(scores / temperature)` exceeds
 * the uniform.
 *
 * @param scores     `n` scores, of tl_decode_guided for example; -inf masks a candidate.
 * @param uniform    between 0 and 1, both excluded: yours, so that a run can be repeated.
 * @param out_index  gets the candidate's place.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a temperature that is not above 0, the uniform, NaN and +inf; TL_ERR_NO_CANDIDATE if all
 *         are masked; TL_ERR_NULL_ARGUMENT. No heap call.
 */
tl_status tl_decode_sample(const double *scores,
                           size_t n,
                           double temperature,
                           double uniform,
                           size_t *out_index);

/**
 * The closed forms of best-of-n, where no two answers tie and none is likely.
 *
 * @param n    answers, 1 or more.
 * @param out  gets them; 0 everywhere on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for 0; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_best_of_n(uint64_t n, tl_best_of *out);

/**
 * The exact law of the best of `n` over a finite list of answers.
 *
 * @param probabilities  `n_answers` probabilities under the model, which sum to 1 within 1e-6.
 * @param rewards        `n_answers` rewards; equal ones share as the model does.
 * @param law            gets `n_answers` probabilities of being the best of `n`.
 * @param out_kl         gets the distance from the model in nats; may be NULL.
 * @param out_win_rate   gets how often the best of `n` beats one answer, ties half; may be NULL.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_NULL_ARGUMENT. A sort.
 */
tl_status tl_best_of_law(const double *probabilities,
                         const double *rewards,
                         size_t n_answers,
                         uint64_t n,
                         double *law,
                         double *out_kl,
                         double *out_win_rate);

/**
 * Takes rewards of answers that the model wrote: for the same prompt, or for many.
 *
 * @param rewards          `n` rewards, at least one.
 * @param out_calibration  gets the calibration; end it with tl_calibration_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for none, or NaN; TL_ERR_NULL_ARGUMENT. A copy and a sort.
 */
tl_status tl_calibration_create(const double *rewards, size_t n, tl_calibration **out_calibration);

/**
 * A reward in the calibration's terms.
 *
 * @param transform  TL_TRANSFORM_IDENTITY, ...
 * @param t          of the exponential ones; 0 leaves the share as it is.
 * @param out_value  gets the number; 0 on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for NaN, a `t` that is not finite, and another transform; TL_ERR_NULL_ARGUMENT. Two binary
 *         searches, no heap call.
 */
tl_status tl_calibration_apply(const tl_calibration *calibration,
                               double reward,
                               uint32_t transform,
                               double t,
                               double *out_value);

/** Ends a calibration; NULL is fine. */
void tl_calibration_destroy(tl_calibration *calibration);

/**
 * DeAL: the share of keywords that a text has, as whole words and without case; those of several words as neighbours. 1 without any.
 *
 * @param keywords   `n_keywords` texts.
 * @param out_share  gets it; 0 on failure.
 * @return TL_OK; TL_ERR_UTF8; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_deal_coverage(const char *bytes,
                           size_t size,
                           const tl_text *keywords,
                           size_t n_keywords,
                           double *out_share);

/**
 * DeAL: how well a text has a number of words, `-|words - target| / target`.
 *
 * @param out_fit  gets it: 0 is best; -inf on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a target of 0; TL_ERR_UTF8; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_deal_length(const char *bytes, size_t size, size_t target, double *out_fit);

/**
 * DeAL: the beams that stay after a look ahead, by `log_probability + alpha * heuristic`.
 *
 * @param log_probabilities  `n` of them, in nats.
 * @param heuristics         `n` opinions of what each beam may become: coverage, length, a reward.
 * @param keep               how many stay, up to `n`.
 * @param kept               gets `keep` places, the best first, the lower of equals before the other.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for `keep`, and what is not finite; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_deal_select(const double *log_probabilities,
                         const double *heuristics,
                         size_t n,
                         double alpha,
                         size_t keep,
                         size_t *kept);

/**
 * CLM: embeddings between and beyond two models, `(1 - lambda) * unaligned + lambda * aligned`; 0 and 1 give either, bit for bit.
 *
 * @param lambda  any finite number.
 * @param out     gets `n` numbers.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for what is not finite; TL_ERR_NULL_ARGUMENT. No heap call.
 */
tl_status tl_decode_interpolate(const float *unaligned,
                                const float *aligned,
                                size_t n,
                                float lambda,
                                float *out);

/**
 * Panacea: the singular values for a preference, `sigma` and then `scale * preference`.
 *
 * @param preference  `n_preferences` numbers of 0 or more, which sum to 1 within 1e-4.
 * @param normalise   1: they are divided by their sum; 0: they are taken as they are.
 * @param diagonal    gets `n_fixed + n_preferences` numbers.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_adapter_diagonal(const tl_adapter *adapter,
                              const double *preference,
                              int32_t normalise,
                              double *diagonal);

/**
 * Panacea: adds `U diag Vt` to weights: a model for one preference.
 *
 * @param diagonal  of tl_adapter_diagonal.
 * @param weights   `[rows, columns]`, row-major, changed in place.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. No heap call.
 */
tl_status tl_adapter_merge(const tl_adapter *adapter, const double *diagonal, float *weights);

/**
 * Panacea: adds `U (diag (Vt x))` to `y`, without the matrix: a model for any preference, changed from call to call.
 *
 * @param diagonal  of tl_adapter_diagonal.
 * @param x         `columns` numbers.
 * @param y         `rows` numbers, changed in place.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. No heap call.
 */
tl_status tl_adapter_apply(const tl_adapter *adapter,
                           const double *diagonal,
                           const float *x,
                           float *y);

/**
 * The implicit reward of an answer, `beta * (policy - reference)`; `by_length` divides it by the answer's tokens.
 *
 * @param out_reward  gets it; 0 on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for an answer of no tokens, and what is not finite; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_preference_reward(tl_answer answer,
                               double beta,
                               int32_t by_length,
                               double *out_reward);

/**
 * DPO, and LN-DPO with `by_length`: whether the model prefers the answer that people chose.
 *
 * @param beta       of training: 0.1 is usual, several times that by length.
 * @param by_length  1: each log-ratio is divided by its answer's tokens.
 * @param out        gets the margin; on failure 0, a loss of ln 2 and one half.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for an answer of no tokens, and what is not finite; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_preference_margin(tl_answer chosen,
                               tl_answer rejected,
                               double beta,
                               int32_t by_length,
                               tl_margin *out);

/**
 * Ranking accuracy: the share of pairs in which the chosen answer has the larger reading.
 *
 * @param chosen         `n` readings: log-probabilities, implicit rewards, scores of a reward model.
 * @param rejected       `n` readings of the other answers.
 * @param out_strict     gets the share, ties wrong; 0 on failure.
 * @param out_half_ties  gets the share, ties half right; may be NULL.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for no pairs, and NaN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_preference_accuracy(const double *chosen,
                                 const double *rejected,
                                 size_t n,
                                 double *out_strict,
                                 double *out_half_ties);

/**
 * Takes a batch of rewards, of good answers and of bad ones alike.
 *
 * @param shift    from TL_SHIFT_INIT or an earlier call; on failure as it was.
 * @param rewards  `n` rewards, at least one.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for none, what is not finite, and a shift that is none; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_shift_update(tl_shift *shift,
                          const double *rewards,
                          size_t n);

/**
 * Maps the index that `trueline deny` writes, the same as a policy's.
 *
 * @param path      UTF-8, ended by NUL.
 * @param out_deny  gets the index; end it with tl_deny_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_IO; TL_ERR_HASH_MISMATCH if it was changed; TL_ERR_INVALID_ARGUMENT or TL_ERR_TOO_LARGE if it is none;
 *         TL_ERR_NULL_ARGUMENT; TL_ERR_UTF8. Linear in the file.
 */
tl_status tl_deny_open(const char *path,
                       tl_deny **out_deny);

/**
 * Indexes documents in memory.
 *
 * @param documents  `n` texts; one without a word is left out.
 * @param out_deny   gets the index; end it with tl_deny_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_EMPTY_TEXT if no document has a word; TL_ERR_TOO_LARGE for more than 2^26; TL_ERR_UTF8;
 *         TL_ERR_NULL_ARGUMENT. A sort of all suffixes.
 */
tl_status tl_deny_create(const tl_text *documents,
                         size_t n,
                         tl_deny **out_deny);

/** Ends an index; NULL is fine. What was made from it keeps what it needs. */
void tl_deny_destroy(tl_deny *deny);

/**
 * Ranks texts, beams for example, by score, without those that copy the corpus. If all do, the one that copies least is left.
 *
 * @param options         may be NULL: every default; `penalty` is not used.
 * @param texts           `n` texts, at least one.
 * @param scores          `n` scores.
 * @param order           gets the places of those that stay, the best score first: room for `n`.
 * @param out_kept        gets how many stay; 0 on failure.
 * @param out_all_copied  gets 1 if all copied, so that you may refuse, else 0; may be NULL.
 * @return TL_OK; TL_ERR_NO_CANDIDATE without a text; TL_ERR_INVALID_ARGUMENT for a score that is NaN, and for the options;
 *         TL_ERR_UTF8; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. A search of the index for each word.
 */
tl_status tl_deny_rank(const tl_deny *deny,
                       const tl_deny_options *options,
                       const tl_text *texts,
                       const double *scores,
                       size_t n,
                       size_t *order,
                       size_t *out_kept,
                       int32_t *out_all_copied);

/**
 * Starts an empty text. One thread uses it at a time.
 *
 * @param options         may be NULL: every default.
 * @param vocabulary      the bytes of your model's tokens.
 * @param out_provenance  gets it; end it with tl_provenance_destroy. NULL on failure.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for the options; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_provenance_create(const tl_deny *deny,
                               const tl_deny_options *options,
                               const tl_vocabulary *vocabulary,
                               tl_provenance **out_provenance);

/**
 * Starts anew after a text: a prompt, whose words count as written, or nothing.
 *
 * @param bytes  UTF-8, `size` bytes; may be NULL if `size` is 0.
 * @return TL_OK; TL_ERR_UTF8; TL_ERR_TOO_LARGE; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_provenance_start(tl_provenance *provenance, const char *bytes, size_t size);

/**
 * Masks the candidates that would copy the corpus, as if the text ended after them, or takes the penalty from their logits.
 * Tokens that are not among the candidates are left as they are: draw from the candidates alone.
 *
 * @param tokens      `n` candidates, of tl_sampler_candidates for example.
 * @param logits      `n_vocab` logits, changed in place.
 * @param out_vetoed  gets how many candidates would copy; may be NULL. If it is `n`, none is left.
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a candidate beyond the vocabulary, and another vocabulary; TL_ERR_BROKEN;
 *         TL_ERR_NULL_ARGUMENT. A search of the index for each word of each candidate; no heap call after the first, but for
 *         words with letters beyond ASCII.
 */
tl_status tl_provenance_veto(tl_provenance *provenance,
                             const uint32_t *tokens,
                             size_t n,
                             float *logits,
                             size_t n_vocab,
                             size_t *out_vetoed);

/**
 * Takes the token that was picked.
 *
 * @return TL_OK; TL_ERR_INVALID_ARGUMENT for a token beyond the vocabulary; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_provenance_advance(tl_provenance *provenance,
                                uint32_t token);

/** Ends it; NULL is fine. */
void tl_provenance_destroy(tl_provenance *provenance);

/**
 * DiffPO: refines a draft, all tokens at once, by up to `max_rounds + 1` runs of a model.
 *
 * @param tokens         the prompt of `n_prompt` tokens, then the draft; the draft is changed in place.
 * @param predict        your model.
 * @param user           handed to `predict` as it is.
 * @param out_calls      gets how often it ran; may be NULL.
 * @param out_converged  gets 1 if the draft is now what the model would write by itself, as far as that is known, else 0; may be
 *                       NULL.
 * @return TL_OK; TL_ERR_HOST if `predict` stopped, and the draft is as far as it came; TL_ERR_INVALID_ARGUMENT for an empty prompt, or
 *         one longer than `n`; TL_ERR_NULL_ARGUMENT. One heap call.
 */
tl_status tl_decode_refine(uint32_t *tokens,
                           size_t n,
                           size_t n_prompt,
                           size_t max_rounds,
                           tl_predict_fn predict,
                           void *user,
                           size_t *out_calls,
                           int32_t *out_converged);

/**
 * An aligner squad of your own models: of each item the correctors run whose inspector's score is below `threshold`, the worst
 * first, and all inspectors look again after each. For packs, tl_pipeline does this.
 *
 * @param n_criteria   inspectors, and as many correctors.
 * @param threshold    0.5 in the original.
 * @param order        TL_ORDER_ITEM, ...
 * @param inspect      your inspectors.
 * @param correct      your correctors.
 * @param user         handed to both as it is.
 * @param scores       gets the last answers' scores, `[n_items, n_criteria]`; may be NULL.
 * @param out_applied  gets how many correctors ran; may be NULL.
 * @return TL_OK; TL_ERR_HOST if a function stopped; TL_ERR_INVALID_ARGUMENT for no criteria, another order, and a score that is not
 *         finite; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_squad_run(size_t n_items,
                       size_t n_criteria,
                       double threshold,
                       uint32_t order,
                       tl_inspect_fn inspect,
                       tl_correct_fn correct,
                       void *user,
                       double *scores,
                       size_t *out_applied);

/**
 * URIAL: a conversation in the markers that make a base model answer, with an open turn at its end.
 *
 * The system text is the same for every conversation: give it to tl_draft_begin once, render the turns with a `system` of size 0, and
 * go on with tl_draft_truncate and tl_draft_append, so that the model reads it only once.
 *
 * @param style     TL_CONVERSATION_BACKTICKS, ...
 * @param system    UTF-8, `system_size` bytes; may be NULL if `system_size` is 0.
 * @param turns     `n_turns` texts of user and assistant by turns, the user's first and last.
 * @param bytes     gets the text, UTF-8 without a closing NUL; may be NULL if `room_bytes` is 0.
 * @param out_size  gets how many bytes there are, also where there is less room, and then nothing is written.
 * @return TL_OK; TL_ERR_TOO_LARGE if there is less room; TL_ERR_INVALID_ARGUMENT for another style, an empty turn, or an even number of
 *         turns; TL_ERR_UTF8; TL_ERR_NULL_ARGUMENT.
 */
tl_status tl_conversation_render(uint32_t style,
                                 const char *system,
                                 size_t system_size,
                                 const tl_text *turns,
                                 size_t n_turns,
                                 char *bytes,
                                 size_t room_bytes,
                                 size_t *out_size);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TRUELINE_H */
