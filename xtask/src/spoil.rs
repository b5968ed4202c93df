//! Packs that are wrong in one way each, for `ffi/tests/c/misuse.c`.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Makes every spoilt pack from a good one.
pub fn make(good: &Path, into: &Path) -> Result<(), String> {
    let read =
        |name: &str| fs::read(good.join(name)).map_err(|e| format!("{}: {e}", good.join(name).display()));
    let model = read("model.onnx")?;
    let tokenizer = read("tokenizer.json")?;
    let pack = |name: &str| Pack::copy(good, &into.join(name));

    pack("wrong-hash")?.write("model.onnx", &flipped(&model))?;
    pack("unknown-field")?.manifest("[limits]", "[limits]\ntreshold = 1")?;
    pack("leaves-folder")?.manifest("file = \"model.onnx\"", "file = \"../../guard-en/model.onnx\"")?;
    pack("truncated-onnx")?.replace("model.onnx", &model[..model.len() / 2])?;
    pack("garbage-onnx")?.replace("model.onnx", b"\x0f this is no ONNX file")?;
    pack("hostile-onnx")?.replace("model.onnx", &external_data())?;
    pack("garbage-tokenizer")?.replace("tokenizer.json", &tokenizer[..tokenizer.len() / 2])?;
    let other = pack("other-tokenizer")?;
    let stated = other.line("vocabulary = ")?;
    other.manifest(&stated, "vocabulary = 1999999")?;
    let fewer = pack("fewer-labels")?;
    let text = fewer.text()?;
    let start = text.rfind("[[labels]]").ok_or("the manifest has no labels")?;
    let end = text[start..].find("[[training_data]]").ok_or("the manifest has no training data")? + start;
    fewer.manifest(&text[start..end], "")
}

/// A copy of a pack, to be spoilt.
struct Pack {
    folder: std::path::PathBuf,
}

impl Pack {
    fn copy(good: &Path, folder: &Path) -> Result<Self, String> {
        let wrong = |e: std::io::Error| format!("{}: {e}", folder.display());
        fs::create_dir_all(folder).map_err(wrong)?;
        for entry in fs::read_dir(good).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            fs::copy(entry.path(), folder.join(entry.file_name())).map_err(wrong)?;
        }
        Ok(Self { folder: folder.to_path_buf() })
    }

    fn text(&self) -> Result<String, String> {
        fs::read_to_string(self.folder.join("manifest.toml")).map_err(|e| e.to_string())
    }

    /// The manifest's line that begins so.
    fn line(&self, start: &str) -> Result<String, String> {
        let text = self.text()?;
        text.lines().find(|l| l.starts_with(start)).map(str::to_owned).ok_or(format!("no line {start:?}"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        fs::write(self.folder.join(name), bytes).map_err(|e| format!("{name}: {e}"))
    }

    fn manifest(&self, from: &str, to: &str) -> Result<(), String> {
        let text = self.text()?;
        if !text.contains(from) {
            return Err(format!("the manifest of {} has no {from:?}", self.folder.display()));
        }
        self.write("manifest.toml", text.replacen(from, to, 1).as_bytes())
    }

    /// Other bytes for a file, with the size and sha256 in the manifest to match.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let old = fs::read(self.folder.join(name)).map_err(|e| format!("{name}: {e}"))?;
        self.manifest(&sha256(&old), &sha256(bytes))?;
        self.manifest(&format!("bytes = {}", old.len()), &format!("bytes = {}", bytes.len()))?;
        self.write(name, bytes)
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

/// An ONNX file whose only tensor says that its numbers lie in another file.
fn external_data() -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    // TensorProto: dims 4, data_type FLOAT, name "w", data_location EXTERNAL.
    let tensor = [&[1 << 3, 4, 2 << 3, 1][..], &field(8, b"w"), &[14 << 3, 1]].concat();
    // GraphProto.initializer in ModelProto.graph.
    field(7, &field(5, &tensor))
}
