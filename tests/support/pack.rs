//! A small valid pack, to be spoilt by the tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use trueline_core::model::pack::{Pack, sha256};

use super::onnx;

/// A word-piece tokenizer of a few words: `[PAD] [UNK] [CLS] [SEP]`, then single letters and their continuations.
pub fn tokenizer() -> String {
    let mut vocab = String::from(r#""[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3"#);
    let letters = ('a'..='z').chain("0123456789.,!?'é".chars());
    for (i, letter) in letters.enumerate() {
        vocab += &format!(r###","{letter}":{},"##{letter}":{}"###, 4 + 2 * i, 5 + 2 * i);
    }
    format!(
        r###"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[
        {{"id":3,"content":"[SEP]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}}],
        "normalizer":{{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":false,
        "lowercase":true}},"pre_tokenizer":{{"type":"BertPreTokenizer"}},"post_processor":null,"decoder":null,
        "model":{{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",
        "max_input_chars_per_word":100,"vocab":{{{vocab}}}}}}}"###
    )
}

/// The number of ids that [`tokenizer`] has.
pub const VOCABULARY: usize = 88;

/// Labels: `rude` for every role, `inject` for user and tool, `leak` for the assistant.
pub const LABELS: usize = 3;

/// A manifest for this model and tokenizer, with windows of eight tokens.
pub fn manifest(model: &[u8], tokenizer: &[u8], card: &[u8]) -> String {
    let label = |name: &str, temperature: &str, threshold: &str, roles: &str| {
        format!(
            "[[labels]]\nname = \"{name}\"\ntemperature = {temperature}\nthreshold = {threshold}\nroles = {roles}\n\
             [labels.calibration]\nmethod = \"by hand\"\ntarget = 0.01\nnegatives = 1\npositives = 1\n\
             date = \"2024-01-01\"\ndata = \"none\"\n"
        )
    };
    format!(
        "format = 1\nname = \"test\"\nversion = \"0.1.0\"\nfamily = \"guard-encoder\"\nsummary = \"for tests\"\n\
         licence = \"MIT\"\nlanguage = [\"en\"]\n\
         [limits]\nmax_tokens = 8\nstride = 3\nmax_text_bytes = 2000\n\
         [model]\nfile = \"model.onnx\"\nsha256 = \"{}\"\nbytes = {}\nquantisation = \"f32\"\n\
         inputs = {{ input_ids = \"ids\", attention_mask = \"mask\", token_type_ids = \"types\" }}\n\
         outputs = {{ logits = \"logits\" }}\n\
         [tokenizer]\nfile = \"tokenizer.json\"\nsha256 = \"{}\"\nbytes = {}\nvocabulary = {VOCABULARY}\n\
         cls = 2\nsep = 3\npad = 0\n{}{}{}\
         [[training_data]]\nname = \"none\"\nrows = 0\nlicence = \"MIT\"\nsource = \"none\"\n\
         [[files]]\nfile = \"notes/CARD.md\"\nsha256 = \"{}\"\nbytes = {}\n",
        sha256(model),
        model.len(),
        sha256(tokenizer),
        tokenizer.len(),
        label("rude", "1.0", "0.5", "[]"),
        label("inject", "2.0", "0.75", "[\"user\", \"tool\"]"),
        label("leak", "0.5", "0.9", "[\"assistant\"]"),
        sha256(card),
        card.len(),
    )
}

/// A small valid pack's files, by name.
pub fn files() -> BTreeMap<String, Vec<u8>> {
    files_with(onnx::classifier())
}

/// The same with another model.
pub fn files_with(model: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
    let (tokenizer, card) = (tokenizer().into_bytes(), b"A card.\n".to_vec());
    let manifest = manifest(&model, &tokenizer, &card).into_bytes();
    [
        ("manifest.toml", manifest),
        ("model.onnx", model),
        ("tokenizer.json", tokenizer),
        ("notes/CARD.md", card),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into()
}

/// The manifest of [`files`], to be changed.
pub fn manifest_text() -> String {
    String::from_utf8(files().remove("manifest.toml").expect("it is there")).expect("it is text")
}

/// A pack with this model in place of the small one.
pub fn with_model(model: Vec<u8>) -> Pack {
    Pack::from_archive(&tar(&files_with(model))).expect("a pack that is whole")
}

/// The files as a tar archive.
pub fn tar(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        entry(&mut out, name, b'0', "", bytes);
    }
    end(out)
}

/// Appends one entry, whose name and kind nothing checks.
pub fn entry(out: &mut Vec<u8>, name: &str, kind: u8, link: &str, bytes: &[u8]) {
    header(out, name, kind, link, bytes.len() as u64);
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(512), 0);
}

/// Appends the header of an entry that claims this size.
pub fn header(out: &mut Vec<u8>, name: &str, kind: u8, link: &str, size: u64) {
    let mut block = [0_u8; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&block);
}

/// The end of an archive.
pub fn end(mut out: Vec<u8>) -> Vec<u8> {
    out.resize(out.len() + 1024, 0);
    out
}

/// A folder of its own, gone at the end of the test.
pub struct Folder(PathBuf);

impl Folder {
    /// A folder with these files.
    pub fn new(files: &BTreeMap<String, Vec<u8>>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("trueline-test-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&root).expect("a writable temporary folder");
        let folder = Self(root);
        for (name, bytes) in files {
            folder.write(name, bytes);
        }
        folder
    }

    /// Writes a file, and the folders that it needs.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("within the folder")).expect("writable");
        std::fs::write(path, bytes).expect("writable");
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind harms nothing but the disk.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
