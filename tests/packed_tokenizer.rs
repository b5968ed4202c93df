//! A packed vocabulary gives the ids and offsets that the tokenizer library gives.

mod support;

use support::{bytes, refused, text};
use trueline_core::Code;
use trueline_core::model::control::Control;
use trueline_core::model::tokenizer::{Encoding, Scratch, Tokenizer};

/// The same tokenizer, as the library reads it and packed.
fn both(json: &[u8]) -> [Tokenizer; 2] {
    let library = Tokenizer::from_bytes(json).expect("a good tokenizer");
    let packed = library.packed().expect("it can be packed");
    assert_eq!(
        packed,
        Tokenizer::from_bytes(json).expect("again").packed().expect("again"),
        "not the same bytes"
    );
    [library, Tokenizer::from_packed(Box::new(packed)).expect("it can be read")]
}

/// Fails unless both make the same of a text.
fn same([library, packed]: &[Tokenizer; 2], text: &str) {
    let unlimited = Control::unlimited();
    let wanted = library.encode(text, &unlimited).expect("the library encodes it");
    let found = packed.encode(text, &unlimited).expect("the packed one encodes it");
    assert_eq!(found, wanted, "{:?}", text.chars().take(80).collect::<String>());
}

fn tokenizers() -> Vec<[Tokenizer; 2]> {
    let files = ["models/guard-en/tokenizer.json", "models/guard-test-f32/tokenizer.json"];
    let mut all: Vec<_> = files.iter().map(|file| both(&bytes(file))).collect();
    // Every other choice of rules, and words that are too long soon.
    let json = text("models/guard-test-f32/tokenizer.json");
    let old = [
        r#""clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true"#,
        r#""max_input_chars_per_word":100"#,
    ];
    for rules in 0..16 {
        let flag = |at: u32| rules >> at & 1 == 1;
        let new = format!(
            r#""clean_text":{},"handle_chinese_chars":{},"strip_accents":{},"lowercase":{}"#,
            flag(0),
            flag(1),
            flag(2),
            flag(3)
        );
        let json = json.replace(char::is_whitespace, "");
        assert!(
            old.iter().all(|part| json.contains(part)),
            "the test pack's tokenizer is written another way"
        );
        let json = json.replace(old[0], &new).replace(old[1], r#""max_input_chars_per_word":7"#);
        all.push(both(json.as_bytes()));
    }
    all.extend(unigrams());
    all
}

/// Unigram: the aligner's and a small one, with every choice of rules that can be packed.
fn unigrams() -> Vec<[Tokenizer; 2]> {
    let mut all = vec![both(&bytes("models/aligner-multi/tokenizer.json"))];
    let json = text("models/aligner-test/tokenizer.json");
    let old = [r#"{"type": "NFKC"}"#, r#""prepend_scheme": "always""#];
    assert!(old.iter().all(|part| json.contains(part)), "the test pack's tokenizer is written another way");
    for normalizer in [old[0], "null"] {
        for scheme in ["always", "first", "never"] {
            let scheme = format!(r#""prepend_scheme": "{scheme}""#);
            all.push(both(json.replace(old[0], normalizer).replace(old[1], &scheme).as_bytes()));
        }
    }
    all
}

#[test]
fn every_character_is_the_same_token_in_the_same_place() {
    for both in [
        both(&bytes("models/guard-test-f32/tokenizer.json")),
        both(&bytes("models/aligner-multi/tokenizer.json")),
    ] {
        every_character(&both);
    }
}

fn every_character(both: &[Tokenizer; 2]) {
    let mut line = String::new();
    // Past the last plane with letters there are only planes of private use.
    for c in ('\0'..='\u{32000}').chain('\u{e0000}'..='\u{e01ff}').chain('\u{f0000}'..='\u{f0010}') {
        // Within a word, alone, and after a letter that it may combine with.
        line.extend(['a', c, 'b', ' ', c, ' ', 'e', c, '\u{301}', c, '\n']);
        if line.len() > 2000 {
            same(both, &line);
            line.clear();
        }
    }
    same(both, &line);
}

#[test]
fn random_texts_have_the_same_tokens() {
    let all = tokenizers();
    let pools = [
        "the of and in to was he is as for on with that it his by at from her she you".split(' ').collect::<Vec<_>>(),
        "a b c é É ß İ ı ﬁ ǆ ñ Å \u{301} \u{327} \u{323} \u{1d165} \u{302e} \u{1b44} 한 각 が 漢 字 \u{2f800} नि ก็ 👩\u{200d}💻"
            .split(' ')
            .collect(),
        "! ? . , ' \" # ## [ ] [SEP] [UNK] [CLS] ( ) - _ — … « » ¿ $ + < | ~ \u{0} \u{ad} \u{200b} \u{fffd} \u{feff}"
            .split(' ')
            .collect(),
        vec![" ", " ", " ", "  ", "\t", "\n", "\r\n", "\u{a0}", "\u{2028}", "\u{3000}", "\u{85}", "\u{b}"],
        vec!["antidisestablishmentarianism", "unbelievable", "tokenization", "xxxxxxxxxxxxxxxx", "1234567890"],
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    };
    for case in 0..2000 {
        let mut text = String::new();
        for _ in 0..below(40) {
            let pool = &pools[below(pools.len())];
            text.push_str(pool[below(pool.len())]);
            if below(3) == 0 {
                text.push(' ');
            }
        }
        same(&all[case % all.len()], &text);
    }
    // One word of every length about the bounds, and texts of more than one piece.
    for both in &all {
        for n in [0, 1, 6, 7, 8, 99, 100, 101, 300] {
            same(both, &"a".repeat(n));
            same(both, &"é".repeat(n));
        }
        same(both, &"plain words, again and again; ".repeat(700));
        same(both, &"naïve 漢字 ".repeat(1500));
    }
}

#[test]
fn what_a_vocabulary_says_of_itself_is_the_same() {
    for [library, packed] in &tokenizers() {
        assert_eq!(packed.vocabulary(), library.vocabulary());
        let n = library.vocabulary() as u32;
        for id in (0..n + 10).chain([u32::MAX]) {
            assert_eq!(packed.token(id), library.token(id), "id {id}");
        }
        assert!(packed.packed().is_none(), "packed twice");
    }
}

#[test]
fn memory_is_used_again() {
    let (mut scratch, mut out) = (Scratch::default(), Encoding::default());
    let files = ["models/guard-test-f32/tokenizer.json", "models/aligner-test/tokenizer.json"];
    for [_, packed] in files.map(|file| both(&bytes(file))) {
        for text in ["one two", "", "naïve three", "x"] {
            packed.encode_into(text, &Control::unlimited(), &mut scratch, &mut out).expect("it encodes");
            assert_eq!(out, packed.encode(text, &Control::unlimited()).expect("it encodes"));
        }
    }
}

#[test]
fn other_tokenizers_are_not_packed() {
    let json = text("models/guard-test-f32/tokenizer.json").replace(char::is_whitespace, "");
    let not = |from: &str, to: &str| {
        assert!(json.contains(from), "{from}");
        Tokenizer::from_bytes(json.replacen(from, to, 1).as_bytes()).expect("it parses").packed().is_none()
    };
    assert!(not(r#""special":true"#, r#""special":false"#), "an added token that is looked for");
    assert!(not(r#"{"type":"BertPreTokenizer"}"#, r#"{"type":"Whitespace"}"#), "another pre-tokenizer");
    assert!(not(
        r###""continuing_subword_prefix":"##""###,
        &format!(r#""continuing_subword_prefix":"{}""#, "#".repeat(25))
    ));
    let json = text("models/aligner-test/tokenizer.json");
    let not = |from: &str, to: &str| {
        assert!(json.contains(from), "{from}");
        Tokenizer::from_bytes(json.replacen(from, to, 1).as_bytes()).expect("it parses").packed().is_none()
    };
    assert!(not(r#""special": true"#, r#""special": false"#), "an added token that is looked for");
    assert!(not("NFKC", "NFKD"), "another normalizer");
    assert!(not(r#""split": true"#, r#""split": false"#), "words that are not cut");
    assert!(not(r#""byte_fallback": false"#, r#""byte_fallback": true"#), "bytes for what is unknown");
}

#[test]
fn a_damaged_vocabulary_is_refused_or_read_within_its_bounds() {
    for file in ["models/guard-test-f32/tokenizer.json", "models/aligner-test/tokenizer.json"] {
        damaged(&both(&bytes(file))[0].packed().expect("packed"));
    }
}

fn damaged(good: &[u8]) {
    for len in [0, 1, 63, 64, 100, 1500] {
        let cut = Tokenizer::from_packed(Box::new(good[..len].to_vec())).map(drop);
        refused(&format!("{len} bytes"), cut, Code::InvalidTokenizer, &["the packed vocabulary"]);
    }
    let mut state = 88_172_645_463_325_252_u64;
    let (mut refusals, mut reads) = (0, 0);
    for case in 0..3000 {
        let mut bad = good.to_vec();
        for _ in 0..1 + case % 4 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Half of the damage goes into the header, the rest anywhere.
            let at =
                if state & 1 == 0 { (state >> 8) as usize % 64 } else { (state >> 8) as usize % bad.len() };
            bad[at] = (state >> 32) as u8;
        }
        match Tokenizer::from_packed(Box::new(bad)) {
            Err(error) => {
                assert_eq!(error.code, Code::InvalidTokenizer);
                refusals += 1;
            }
            Ok(tokenizer) => {
                let n = tokenizer.vocabulary() as u32;
                let found = tokenizer.encode("some plain words, naïve ones too", &Control::unlimited());
                found.expect("it encodes");
                (0..n.min(50)).for_each(|id| drop(tokenizer.token(id)));
                reads += 1;
            }
        }
    }
    assert!(refusals > 100 && reads > 100, "{refusals} refused, {reads} read");
}
