//! Packs in a tar archive: the same answer as from a folder, and no trick of the format gets through.

mod support;

use support::pack::{Folder, end, entry, files, header, tar};
use support::{Random, refused};
use trueline_core::Code;
use trueline_core::model::pack::Pack;

const NAMES: [&str; 4] = ["manifest.toml", "model.onnx", "notes/CARD.md", "tokenizer.json"];

/// The good archive's entries, then `more`, then the end.
fn with(more: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = tar(&files());
    out.truncate(out.len() - 1024);
    more(&mut out);
    end(out)
}

#[test]
fn an_archive_gives_what_its_folder_gives() {
    let folder = Folder::new(&files());
    let from_folder = Pack::open(folder.path()).expect("a good folder");
    let dotted = files().into_iter().map(|(name, bytes)| (format!("./{name}"), bytes)).collect();
    for bytes in [tar(&files()), tar(&dotted), with(|out| entry(out, "extra.txt", b'0', "", b"not listed"))] {
        folder.write("pack.tar", &bytes);
        let from_file = Pack::open(&folder.path().join("pack.tar")).expect("a good archive");
        let from_bytes = Pack::from_archive(&bytes).expect("a good archive");
        for pack in [&from_file, &from_bytes] {
            assert_eq!(format!("{pack:?}"), format!("{from_folder:?}"));
        }
    }
}

#[test]
fn an_archive_of_a_folder_has_entries_for_folders() {
    let bytes = with(|out| {
        entry(out, "./", b'5', "", b"");
        entry(out, "notes/", b'5', "", b"");
    });
    assert!(Pack::from_archive(&bytes).is_ok());
}

#[test]
fn what_is_no_archive_is_refused() {
    let good = tar(&files());
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("two empty blocks", vec![0; 1024]),
        ("text", b"no archive at all".to_vec()),
        ("half a header", good[..300].to_vec()),
        ("noise", (0..4096).map(|i| (i * 131 % 251) as u8).collect()),
    ] {
        refused(what, Pack::from_archive(&bytes), Code::InvalidPack, &["not a readable tar archive"]);
    }
    let mut sum = good.clone();
    sum[150] ^= 1;
    refused("another checksum", Pack::from_archive(&sum), Code::InvalidPack, &["not a readable tar archive"]);
}

#[test]
fn an_archive_that_is_cut_anywhere_is_refused() {
    let good = tar(&files());
    // The blocks of zeros at the end, and the padding of the last entry, hold nothing of the pack.
    let needed = good.len() - 1024 - (512 - files()["tokenizer.json"].len() % 512);
    for cut in (0..needed).step_by(101).chain([needed - 1]) {
        let found = Pack::from_archive(&good[..cut]).expect_err("part of a file is missing");
        assert_eq!(found.code, Code::InvalidPack, "cut at {cut}: {found}");
    }
}

#[test]
fn a_damaged_archive_is_refused_or_unharmed() {
    let (good, files) = (tar(&files()), files());
    let seed = 20_240_607;
    println!("seed {seed}");
    let mut random = Random(seed);
    for _ in 0..2000 {
        let mut bytes = good.clone();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        // A manifest may say something else afterwards, but not of other files.
        if let Ok(found) = Pack::from_archive(&bytes) {
            let same = found.model() == Ok(&files["model.onnx"])
                && found.tokenizer() == Ok(&files["tokenizer.json"]);
            assert!(same, "byte {at}");
        }
    }
}

#[test]
fn a_name_that_leaves_the_folder_is_refused() {
    for name in ["../evil", "a/../../evil", "/etc/evil", "a\\b", "..", "a//b", "c:evil"] {
        let bytes = with(|out| entry(out, name, b'0', "", b"x"));
        refused(name, Pack::from_archive(&bytes), Code::InvalidPack, &["plain relative path", "file name"]);
    }
}

#[test]
fn a_link_in_place_of_a_file_is_no_file() {
    for kind in [b'1', b'2', b'3', b'4', b'6'] {
        for name in NAMES {
            let mut out = Vec::new();
            for (other, bytes) in files().iter().filter(|(other, _)| *other != name) {
                entry(&mut out, other, b'0', "", bytes);
            }
            entry(&mut out, "aside", b'0', "", &files()[name]);
            entry(&mut out, name, kind, "aside", b"");
            let words = ["the archive holds no ", name];
            refused(name, Pack::from_archive(&end(out)), Code::InvalidPack, &words);
        }
    }
}

#[test]
fn a_file_that_stands_twice_is_refused() {
    for name in NAMES {
        for spelt in [name.to_owned(), format!("./{name}")] {
            let bytes = with(|out| entry(out, &spelt, b'0', "", &files()[name]));
            let words = [format!("{name} twice")];
            refused(name, Pack::from_archive(&bytes), Code::InvalidPack, &[&words[0]]);
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    for name in NAMES {
        let mut less = files();
        less.remove(name);
        refused(name, Pack::from_archive(&tar(&less)), Code::InvalidPack, &["holds no ", name]);
    }
}

#[test]
fn other_bytes_are_refused() {
    let mut files = files();
    files.get_mut("model.onnx").expect("the model")[0] ^= 1;
    refused("one bit", Pack::from_archive(&tar(&files)), Code::HashMismatch, &["model.onnx has sha256"]);
    files.get_mut("model.onnx").expect("the model").pop();
    refused("cut", Pack::from_archive(&tar(&files)), Code::InvalidPack, &["model.onnx has", "states"]);
}

#[test]
fn a_claimed_size_takes_no_memory() {
    for size in [1_u64 << 20, (1 << 33) - 1] {
        let mut out = Vec::new();
        header(&mut out, "manifest.toml", b'0', "", size);
        refused("a claim", Pack::from_archive(&end(out)), Code::InvalidPack, &["manifest.toml", "archive"]);
        // In a header of their own: GNU's long name, and the records of POSIX.
        for kind in *b"LKxg" {
            let mut out = Vec::new();
            header(&mut out, "long", kind, "", size);
            let found = Pack::from_archive(&end(out)).expect_err("the archive ends before");
            assert_eq!(found.code, Code::InvalidPack, "kind {}: {found}", kind as char);
        }
    }
    // The size field's own extension: 2^62 bytes.
    let mut out = Vec::new();
    header(&mut out, "manifest.toml", b'0', "", 0);
    out[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]);
    let sum: u32 = (0..512).map(|i| if (148..156).contains(&i) { 32 } else { u32::from(out[i]) }).sum();
    out[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let found = Pack::from_archive(&end(out)).expect_err("the archive ends before");
    assert_eq!(found.code, Code::InvalidPack, "{found}");
}

#[test]
fn long_names_are_names_like_any_other() {
    let gnu = |name: &str| {
        with(|out| {
            entry(out, "././@LongLink", b'L', "", format!("{name}\0").as_bytes());
            entry(out, "short", b'0', "", b"x");
        })
    };
    let posix = |name: &str| {
        let record = |n: usize| format!("{n} path={name}\n");
        let n = (1..).find(|&n| record(n).len() == n).expect("a length that counts itself");
        with(|out| {
            entry(out, "pax", b'x', "", record(n).as_bytes());
            entry(out, "short", b'0', "", b"x");
        })
    };
    for make in [&gnu as &dyn Fn(&str) -> Vec<u8>, &posix] {
        let taken = Pack::from_archive(&make(&"n".repeat(200)));
        assert!(taken.is_ok(), "{:?}", taken.err());
        for name in ["../evil", "/etc/evil", &"n".repeat(300)] {
            refused(name, Pack::from_archive(&make(name)), Code::InvalidPack, &["plain relative path"]);
        }
        refused("hidden", Pack::from_archive(&make("model.onnx")), Code::InvalidPack, &["model.onnx twice"]);
    }
}

#[test]
fn an_archive_of_many_entries_is_refused() {
    let many = |n: usize| with(|out| (0..n).for_each(|i| entry(out, &format!("f{i}"), b'0', "", b"")));
    assert!(Pack::from_archive(&many(1024 - NAMES.len())).is_ok());
    let words = ["the archive has more than 1024 entries"];
    refused("1,025", Pack::from_archive(&many(1025 - NAMES.len())), Code::TooLarge, &words);
}

#[cfg(unix)]
#[test]
fn an_archive_over_its_budget_is_not_read() {
    let folder = Folder::new(&files());
    let path = folder.path().join("large.tar");
    // Sparse: it takes no disk.
    let file = std::fs::File::create(&path).expect("writable");
    file.set_len(4 << 30).expect("sparse files work here");
    refused("4 GiB", Pack::open(&path), Code::TooLarge, &["large.tar has 4294967296", "at most"]);
}
