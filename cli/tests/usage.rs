//! Wrong usage, packs that do not load, and what is not built yet.

mod common;

use std::fs;

use common::{copy_pack, empty, f32_pack, feed, finish, models, trueline};

#[test]
fn what_is_not_built_says_so_whatever_its_arguments() {
    let names = ["align audio", "score consistency", "score image-text"];
    let help = feed(&["--help"], b"");
    assert_eq!((help.status, &*help.err), (Some(0), ""));
    for name in names {
        for more in [&[][..], &["--jsonl"], &["a", "--unheard-of", "-x"]] {
            let args: Vec<&str> = name.split(' ').chain(more.iter().copied()).collect();
            let ran = feed(&args, b"");
            assert_eq!((ran.status, &*ran.out), (Some(2), ""), "{args:?}");
            assert_eq!(ran.complaint(), format!("{name}: not built yet"));
        }
        let first = name.split(' ').next().unwrap();
        if first == "align" {
            // Another part of it is built.
            continue;
        }
        let line = help.out.lines().find(|l| l.trim_start().starts_with(&format!("{first} ")));
        assert!(line.unwrap().ends_with("(not built yet)"), "{name}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let pack = f32_pack();
    let wrong: [&[&str]; 11] = [
        &[],
        &["nonsense"],
        &["guard", "--unheard-of"],
        &["guard", "--jsonl", "a text"],
        &["guard", "--role", "king", "a"],
        &["guard", "--threads", "0", "a"],
        &["guard", "--timeout-ms", "-1", "a"],
        &["packs", "--json", "--jsonl"],
        &["bench", "--seconds", "0"],
        &["bench", "--seconds", "nan"],
        &["align"],
    ];
    for args in wrong {
        let ran = feed(args, b"");
        assert_eq!((ran.status, &*ran.out), (Some(2), ""), "{args:?}");
        assert!(!ran.err.is_empty(), "{args:?}");
    }
    let said: [(&[&str], &str); 5] = [
        (&["--backend", "magic"], "there are default, plan, tract and ort"),
        (&["--isa", "AVX2"], "no such instruction set; this machine has"),
        (&["--policy", "p.toml"], "--policy: p.toml: "),
        (&["--pack", &pack, "--pack", &pack], "guard takes one pack; --pack gives 2"),
        (&["--pack", &pack, "--backend", "ort", "--ort-library", "/nowhere"], "(UNAVAILABLE)"),
    ];
    for (more, words) in said {
        let args: Vec<&str> = ["guard", "a text"].into_iter().chain(more.iter().copied()).collect();
        let ran = feed(&args, b"");
        assert_eq!((ran.status, &*ran.out), (Some(2), ""), "{args:?}");
        assert!(ran.complaint().contains(words), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_pack_that_does_not_load_ends_with_2_and_one_sentence() {
    let root = empty("broken-packs");
    let of = |name: &str| root.join(name).to_str().unwrap().to_owned();
    copy_pack(&root.join("flipped"));
    let model = root.join("flipped/model.onnx");
    let mut bytes = fs::read(&model).unwrap();
    bytes[1000] ^= 1;
    fs::write(&model, bytes).unwrap();
    copy_pack(&root.join("misspelt"));
    let manifest = root.join("misspelt/manifest.toml");
    let text = fs::read_to_string(&manifest).unwrap().replace("stride", "strid");
    fs::write(&manifest, text).unwrap();
    fs::create_dir(root.join("hollow")).unwrap();
    fs::write(root.join("plain.txt"), "no pack").unwrap();
    let cases = [
        (of("flipped"), "HASH_MISMATCH"),
        (of("misspelt"), "INVALID_PACK"),
        (of("hollow"), "IO"),
        (of("plain.txt"), "INVALID_PACK"),
        (of("absent"), "IO"),
    ];
    for (path, code) in &cases {
        for command in ["guard", "explain", "bench"] {
            let ran = feed(&[command, "--pack", path], b"a text\n");
            assert_eq!((ran.status, &*ran.out), (Some(2), ""), "{command} {path}");
            assert!(ran.complaint().ends_with(&format!("({code})")), "{}", ran.err);
        }
    }
    let ran = feed(&["guard", "--pack", "no-such-pack", "a"], b"");
    assert_eq!(ran.status, Some(2));
    assert!(ran.complaint().starts_with("pack \"no-such-pack\" is not in models"), "{}", ran.err);
}

#[test]
fn names_are_looked_up_in_order() {
    let root = empty("lookup");
    copy_pack(&root.join("guard-en"));
    let both = std::env::join_paths([root.join("absent"), root.clone(), models()]).unwrap();
    // No `--pack`: guard-en, from the first folder that has it.
    let mut command = trueline(&["guard", "a text"]);
    command.env("TRUELINE_PACKS", &both);
    assert_eq!(finish(command, b"").status, Some(0));
    let mut command = trueline(&["explain", "--json", "--pack", "guard-test-int8"]);
    command.env("TRUELINE_PACKS", &both);
    assert_eq!(finish(command, b"").status, Some(0));
    // `./models`, where the variable is not set.
    let mut command = trueline(&["guard", "--pack", "guard-test-f32", "a text"]);
    command.current_dir(models().join(".."));
    assert_eq!(finish(command, b"").status, Some(0));
}
