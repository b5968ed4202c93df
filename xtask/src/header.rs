//! `include/trueline.h`, made from `ffi/src` by cbindgen, the version of the lock file.

use std::fs;

use crate::command::root;

/// The files whose items the header holds, in its order.
const SOURCES: &[&str] = &[
    "version",
    "status",
    "log",
    "cancel",
    "pack",
    "engine",
    "session",
    "result",
    "policy",
    "filter",
    "decision",
    "align",
    "alignment",
    "extract",
    "symmetrize",
    "alignment_scores",
    "transport",
    "mining",
    "sentences",
    "documents",
    "answers",
    "graph",
    "correction",
    "draft",
    "pipeline",
    "decode",
    "cards",
    "watermark",
    "choose",
    "preference",
    "provenance",
    "refine",
];

const TOP: &str = r#"/* trueline.h: aligner and safety-filter models on the device. Made from ffi/src by `cargo xtask header`.
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
 * The library writes nothing to standard output or standard error, and no panic leaves it. */"#;

const MACROS: &str = r#"
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
"#;

/// Writes the header.
pub fn write() -> Result<(), String> {
    let path = root().join("include/trueline.h");
    fs::write(&path, text()?).map_err(|e| format!("{}: {e}", path.display()))
}

/// Fails if the committed header is not what `ffi/src` gives.
pub fn check() -> Result<(), String> {
    let path = root().join("include/trueline.h");
    let committed = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    if committed == text()? {
        return Ok(());
    }
    Err("include/trueline.h is not what ffi/src gives: run `cargo xtask header`".into())
}

/// The usage example at the header's top, as C.
pub fn usage_example() -> Result<String, String> {
    let lines = TOP.lines().skip_while(|l| !l.contains("#include")).skip(1);
    let code: Vec<&str> =
        lines.take_while(|l| !l.starts_with(" * Threads")).map(|l| l.trim_start_matches(" *")).collect();
    if code.len() < 5 { Err("the header's top has no usage example".into()) } else { Ok(code.join("\n")) }
}

fn text() -> Result<String, String> {
    let config = cbindgen::Config {
        language: cbindgen::Language::C,
        style: cbindgen::Style::Both,
        cpp_compat: true,
        include_guard: Some("TRUELINE_H".into()),
        header: Some(TOP.into()),
        no_includes: true,
        sys_includes: vec!["stddef.h".into(), "stdint.h".into()],
        usize_is_size_t: true,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        line_length: 110,
        ..Default::default()
    };
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root().join(format!("ffi/src/{source}.rs")));
    }
    let bindings = builder.generate().map_err(|e| format!("cbindgen: {e}"))?;
    let mut bytes = Vec::new();
    bindings.write(&mut bytes);
    let text = String::from_utf8(bytes).map_err(|_| "cbindgen wrote what is not UTF-8".to_owned())?;
    place_macros(&compact(&without_safety(&text)))
}

/// One-line comments on one line, and negative numbers in brackets.
fn compact(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < lines.len() {
        let line = lines[i];
        let indent = &line[..line.len() - line.trim_start().len()];
        if line.trim() == "/**" && lines.get(i + 2).is_some_and(|l| l.trim() == "*/") {
            let text = lines[i + 1].trim().trim_start_matches("* ");
            out.push_str(&format!("{indent}/** {text} */\n"));
            i += 3;
            continue;
        }
        match line.strip_prefix("#define ").and_then(|d| d.split_once(" -")) {
            Some((name, number)) => out.push_str(&format!("#define {name} (-{number})\n")),
            None => out.push_str(&format!("{line}\n")),
        }
        i += 1;
    }
    out
}

/// `# Safety` sections speak to Rust; the prose of the header says the same to C.
fn without_safety(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut skipping = false;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if trimmed == "* # Safety" {
            skipping = true;
            // The empty comment line before the section goes, too.
            let kept = out.trim_end_matches('\n').strip_suffix(" *").map(str::len);
            out.truncate(kept.unwrap_or(out.len()));
        } else if trimmed == "*/" {
            skipping = false;
        }
        if !skipping {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The `..._INIT` macros stand before the functions, after the structs that they initialise.
fn place_macros(text: &str) -> Result<String, String> {
    let marker = "#ifdef __cplusplus\nextern \"C\" {";
    let at = text.find(marker).ok_or("cbindgen wrote no extern \"C\"")?;
    let (types, functions) =
        (text[..at].replace("const struct tl_", "const tl_"), text[at..].replace("struct tl_", "tl_"));
    Ok(format!("{types}{}\n{functions}", MACROS.trim_start()))
}
