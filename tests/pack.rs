//! What a pack may not be: every refusal has its own code and a sentence with the thing, the value and the bound.

mod support;

use support::pack::{Folder, files, manifest_text};
use support::refused;
use trueline_core::model::manifest::Manifest;
use trueline_core::model::pack::{Pack, read_manifest, sha256};
use trueline_core::{Code, Error};

fn open(folder: &Folder) -> Result<Pack, Error> {
    Pack::open(folder.path())
}

/// The small manifest with `from` replaced by `to`.
fn changed(from: &str, to: &str) -> String {
    let good = manifest_text();
    assert!(good.contains(from), "{from:?} is not in the manifest");
    good.replacen(from, to, 1)
}

#[test]
fn a_good_folder_is_read_as_its_manifest_says() {
    let files = files();
    let folder = Folder::new(&files);
    let pack = open(&folder).expect("a good pack");
    assert_eq!(pack.manifest().name, "test");
    assert_eq!(pack.model().expect("read"), files["model.onnx"]);
    assert_eq!(pack.tokenizer().expect("read"), files["tokenizer.json"]);
    assert_eq!(pack.sha256(), sha256(&files["manifest.toml"]));
    assert_eq!(read_manifest(folder.path()).expect("a good manifest").labels.len(), support::pack::LABELS);
}

#[test]
fn sha256_is_that_of_the_standard() {
    assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn a_manifest_that_breaks_a_rule_is_refused() {
    let digest = sha256(&files()["model.onnx"]);
    let bytes = format!("bytes = {}", files()["model.onnx"].len());
    let cases: &[(&str, &str, Code, &[&str])] = &[
        ("format = 1", "format = 2", Code::InvalidPack, &["format is 2", "reads format 1"]),
        ("format = 1", "format = ", Code::InvalidPack, &["manifest.toml", "line 1"]),
        ("name = \"test\"", "name = \"Test\"", Code::InvalidPack, &["name", "\"Test\"", "1 to 64"]),
        ("name = \"test\"", "name = \"\"", Code::InvalidPack, &["name", "\"\"", "1 to 64"]),
        ("name = \"test\"\n", "", Code::InvalidPack, &["missing field `name`"]),
        ("[limits]", "treshold = 0.1\n[limits]", Code::InvalidPack, &["unknown field `treshold`"]),
        ("stride = 3", "stride = 3\nstrides = 3", Code::InvalidPack, &["unknown field `strides`"]),
        ("\"guard-encoder\"", "\"guard\"", Code::InvalidPack, &["family \"guard\"", "guard-encoder"]),
        (", token_type_ids = \"types\"", "", Code::ModelMismatch, &["model.inputs lacks \"token_type_ids\""]),
        ("logits = \"logits\"", "", Code::ModelMismatch, &["model.outputs lacks \"logits\""]),
        ("= \"types\"", "= \"types\", more = \"m\"", Code::ModelMismatch, &["model.inputs names \"more\""]),
        (
            "= \"logits\"",
            "= \"logits\", more = \"m\"",
            Code::ModelMismatch,
            &["model.outputs names \"more\""],
        ),
        ("name = \"inject\"", "name = \"rude\"", Code::InvalidPack, &["label \"rude\" stands twice"]),
        ("name = \"inject\"", "name = \"In ject\"", Code::InvalidPack, &["label is \"In ject\""]),
        ("temperature = 1.0", "temperature = nan", Code::InvalidPack, &["\"rude\" is NaN", "above 0"]),
        ("temperature = 1.0", "temperature = 0.0", Code::InvalidPack, &["\"rude\" is 0", "above 0"]),
        ("temperature = 1.0", "temperature = -1.0", Code::InvalidPack, &["\"rude\" is -1", "above 0"]),
        ("temperature = 1.0", "temperature = inf", Code::InvalidPack, &["\"rude\" is inf", "finite"]),
        ("threshold = 0.5", "threshold = 0.0", Code::InvalidPack, &["\"rude\" is 0;", "(0, 1]"]),
        ("threshold = 0.5", "threshold = 1.01", Code::InvalidPack, &["\"rude\" is 1.01", "(0, 1]"]),
        ("threshold = 0.5", "threshold = nan", Code::InvalidPack, &["\"rude\" is NaN", "(0, 1]"]),
        ("roles = []", "roles = [\"admin\"]", Code::InvalidPack, &["`admin`", "`user`"]),
        ("stride = 3", "stride = 7", Code::InvalidPack, &["stride is 7", "8 tokens takes 1..=6"]),
        ("stride = 3", "stride = 0", Code::InvalidPack, &["stride is 0", "1..=6"]),
        ("stride = 3", "stride = -1", Code::InvalidPack, &["`-1`"]),
        (
            "stride = 3",
            "stride = 3\nsentence_tokens = 7",
            Code::InvalidPack,
            &["sentence_tokens is 7", "8 tokens it lies in 2..=6"],
        ),
        (
            "stride = 3",
            "stride = 3\nsentence_tokens = 1",
            Code::InvalidPack,
            &["sentence_tokens is 1", "2..=6"],
        ),
        ("max_tokens = 8", "max_tokens = 2", Code::InvalidPack, &["max_tokens is 2", "3..=8192"]),
        ("max_tokens = 8", "max_tokens = 8193", Code::InvalidPack, &["max_tokens is 8193", "3..=8192"]),
        ("max_text_bytes = 2000", "max_text_bytes = 0", Code::InvalidPack, &["max_text_bytes is 0", "1..="]),
        (
            "max_text_bytes = 2000",
            "max_text_bytes = 67108865",
            Code::InvalidPack,
            &["is 67108865", "1..=67108864"],
        ),
        (
            &bytes,
            "bytes = 1073741825",
            Code::TooLarge,
            &["\"model.onnx\" has 1073741825", "at most 1073741824"],
        ),
        (&digest, "ab12", Code::InvalidPack, &["sha256 of \"model.onnx\"", "64 lower-case"]),
        (&digest, &digest.to_uppercase(), Code::InvalidPack, &["sha256 of \"model.onnx\"", "64 lower-case"]),
        (&digest, &"g".repeat(64), Code::InvalidPack, &["sha256 of \"model.onnx\"", "64 lower-case"]),
        ("\"notes/CARD.md\"", "\"model.onnx\"", Code::InvalidPack, &["\"model.onnx\" twice"]),
    ];
    for (from, to, code, words) in cases {
        refused(&format!("{from:?} as {to:?}"), Manifest::parse(&changed(from, to)), *code, words);
    }
    let labels = manifest_text().split("[[labels]]").next().expect("the head").to_owned() + "labels = []\n";
    refused("no labels", Manifest::parse(&labels), Code::InvalidPack, &["manifest.toml"]);
    for bad in ["nonsense", "[[[", "\0"] {
        refused(bad, Manifest::parse(bad), Code::InvalidPack, &["manifest.toml"]);
    }
}

#[test]
fn a_name_that_leaves_the_folder_is_refused() {
    for name in [
        "../model.onnx",
        "a/../../model.onnx",
        "/etc/hostname",
        "a//b",
        "./model.onnx",
        "",
        "C:model.onnx",
        "a\\\\b",
        "..\\\\b",
        "a\\u0000b",
        "a\\nb",
        "model/",
        &"a".repeat(256),
    ] {
        let text = changed("file = \"model.onnx\"", &format!("file = \"{name}\""));
        refused(name, Manifest::parse(&text), Code::InvalidPack, &["the file name", "plain relative path"]);
    }
}

#[test]
fn a_folder_or_manifest_that_is_not_there_is_named() {
    let folder = Folder::new(&files());
    let gone = folder.path().join("gone");
    refused("no folder", Pack::open(&gone), Code::Io, &["gone"]);
    refused("no folder", read_manifest(&gone), Code::Io, &["gone"]);
    for name in ["manifest.toml", "model.onnx", "tokenizer.json", "notes/CARD.md"] {
        let folder = Folder::new(&files());
        std::fs::remove_file(folder.path().join(name)).expect("it was there");
        refused(name, open(&folder), Code::Io, &[name]);
    }
}

#[test]
fn a_manifest_must_be_text_of_bounded_size() {
    let folder = Folder::new(&files());
    let mut bytes = files()["manifest.toml"].clone();
    bytes[20] = 0xff;
    folder.write("manifest.toml", &bytes);
    refused("not UTF-8", open(&folder), Code::InvalidPack, &["not UTF-8 at byte 20"]);
    refused("not UTF-8", read_manifest(folder.path()), Code::InvalidPack, &["not UTF-8"]);
    folder.write("manifest.toml", &vec![b'#'; (1 << 20) + 1]);
    refused("too long", open(&folder), Code::TooLarge, &["manifest.toml has 1048577", "at most 1048576"]);
}

#[test]
fn every_listed_file_must_have_its_size_and_its_bytes() {
    for name in ["model.onnx", "tokenizer.json", "notes/CARD.md"] {
        let folder = Folder::new(&files());
        let good = files()[name].clone();
        let sizes = [format!("{name} has {}", good.len() - 1), format!("states {}", good.len())];
        folder.write(name, &good[..good.len() - 1]);
        refused("cut", open(&folder), Code::InvalidPack, &[&sizes[0], &sizes[1]]);
        folder.write(name, &[&good[..], b"x"].concat());
        refused("longer", open(&folder), Code::InvalidPack, &[name, &sizes[1]]);
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut other = good.clone();
            other[at] ^= 1;
            folder.write(name, &other);
            let words = [format!("{name} has sha256 {}", sha256(&other)), sha256(&good)];
            refused("one bit", open(&folder), Code::HashMismatch, &[&words[0], &words[1]]);
        }
        folder.write(name, &good);
        assert!(open(&folder).is_ok());
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_refused() {
    for name in ["manifest.toml", "model.onnx"] {
        let folder = Folder::new(&files());
        std::fs::remove_file(folder.path().join(name)).expect("it was there");
        std::fs::create_dir(folder.path().join(name)).expect("writable");
        refused(name, open(&folder), Code::InvalidPack, &[name, "not a plain file"]);
    }
}

#[cfg(unix)]
#[test]
fn a_link_may_not_leave_the_folder() {
    use std::os::unix::fs::symlink;
    let outside = Folder::new(&files());
    for name in ["manifest.toml", "model.onnx", "notes/CARD.md"] {
        let folder = Folder::new(&files());
        let path = folder.path().join(name);
        std::fs::remove_file(&path).expect("it was there");
        symlink(outside.path().join(name), &path).expect("links work here");
        refused(name, open(&folder), Code::InvalidPack, &[name, "leaves the pack's folder"]);
        std::fs::remove_file(&path).expect("the link");
        folder.write("elsewhere/file", &files()[name]);
        symlink(folder.path().join("elsewhere/file"), &path).expect("links work here");
        assert!(open(&folder).is_ok(), "{name}: a link within the folder is fine");
        std::fs::remove_file(&path).expect("the link");
        symlink(&path, &path).expect("links work here");
        refused(name, open(&folder), Code::Io, &[name]);
    }
    let folder = Folder::new(&files());
    std::fs::remove_dir_all(folder.path().join("notes")).expect("it was there");
    symlink(outside.path().join("notes"), folder.path().join("notes")).expect("links work here");
    refused("a linked folder", open(&folder), Code::InvalidPack, &["notes/CARD.md", "leaves"]);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_does_not_hang() {
    let make = |path: std::path::PathBuf| {
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo is there");
        assert!(made.success());
    };
    let timed = |what: &str, path: std::path::PathBuf| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || tell.send(Pack::open(&path)).is_ok());
        let found = told.recv_timeout(std::time::Duration::from_secs(10)).expect("an answer, not a hang");
        refused(what, found, Code::InvalidPack, &[what, "not a plain file"]);
    };
    for name in ["manifest.toml", "model.onnx"] {
        let folder = Folder::new(&files());
        std::fs::remove_file(folder.path().join(name)).expect("it was there");
        make(folder.path().join(name));
        timed(name, folder.path().to_owned());
    }
    let folder = Folder::new(&files());
    make(folder.path().join("pack.tar"));
    timed("pack.tar", folder.path().join("pack.tar"));
}
