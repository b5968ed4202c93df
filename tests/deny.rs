//! A policy's deny corpus: copied runs are found in one text and in a stream, hidden or not, and damage is refused.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use trueline_core::engine::Action;
use trueline_core::engine::deny::{DenyIndex, index};
use trueline_core::engine::filter::{Filter, FilterOptions, Stream};
use trueline_core::engine::policy::Policy;
use trueline_core::{Code, Error};

const DOCUMENTS: &str = "The launch code of the old lighthouse is seven green parrots\n\
    Mix two spoons of moon dust with the tears of a clock\n";
const POLICY: &str = "policy = 1\nname = \"copies\"\n\
    [[category]]\nname = \"copied\"\naction = \"block\"\n\
    [[deny]]\ncategory = \"copied\"\nfile = \"deny.idx\"\ntau = 12.0\nmin_words = 4\n";

struct Folder(PathBuf);

impl Folder {
    fn new(policy: &str, index: Option<&[u8]>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("trueline-deny-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        std::fs::write(path.join("policy.toml"), policy).expect("a file");
        if let Some(bytes) = index {
            std::fs::write(path.join("deny.idx"), bytes).expect("a file");
        }
        Self(path)
    }

    fn open(&self) -> Result<Policy, Error> {
        Policy::open(&self.0.join("policy.toml"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn file() -> Vec<u8> {
    index(DOCUMENTS.lines()).expect("words")
}

fn filter(policy: &str) -> Arc<Filter> {
    let folder = Folder::new(policy, Some(&file()));
    Arc::new(Filter::new(Arc::new(folder.open().expect("a policy")), None).expect("it finds its categories"))
}

fn judge(filter: &Arc<Filter>, text: &str) -> (Action, Vec<String>) {
    let decision = Filter::judge(filter, text.as_bytes(), &FilterOptions::default());
    (decision.action, decision.spans.iter().map(|s| text[s.bytes.clone()].to_owned()).collect())
}

#[test]
fn copied_runs_are_found_however_they_are_set() {
    let filter = filter(POLICY);
    assert_eq!(judge(&filter, "The code of the lighthouse is not known."), (Action::Allow, vec![]));
    let (action, spans) =
        judge(&filter, "They say: \u{ff54}he LAUNCH code,\nof the  old lighthouse; no more.");
    assert_eq!(action, Action::Block);
    assert_eq!(spans, ["\u{ff54}he LAUNCH code,\nof the  old lighthouse"]);
    // "is seven green parrots", in base64.
    let hidden = "read aXMgc2V2ZW4gZ3JlZW4gcGFycm90cw== now";
    assert_eq!(judge(&filter, hidden).0, Action::Block);
    let shown = "[[category]]\nname = \"copied\"\naction = \"redact\"\nreplacement = \"[...]\"\n";
    let policy = POLICY.replace("[[category]]\nname = \"copied\"\naction = \"block\"\n", shown);
    let filter = self::filter(&policy);
    let text = "so mix two spoons of moon dust with sugar";
    let decision = Filter::judge(&filter, text.as_bytes(), &FilterOptions::default());
    assert_eq!(decision.action, Action::Redact);
    assert_eq!(filter.redact(text, &decision).expect("spans"), "so [...] sugar");
}

#[test]
fn a_stream_ends_as_the_whole_text_and_releases_nothing_of_a_copy() {
    let filter = filter(POLICY);
    let texts = [
        "Nothing of this is there, and the old code of the sea is blue.",
        "Well, the launch code of the old lighthouse is seven green parrots, they say.",
        "two spoons of sugar, of moon dust with nothing, and the tears of a clown.",
    ];
    for text in texts {
        let whole = Filter::judge(&filter, text.as_bytes(), &FilterOptions::default());
        for cut in 1..17 {
            let mut stream = Stream::new(Arc::clone(&filter), FilterOptions::default()).expect("a stream");
            let mut shown = String::new();
            for part in text.as_bytes().chunks(cut) {
                stream.push(part).expect("bytes");
                shown.push_str(&stream.take());
            }
            assert_eq!(stream.finish(), &whole, "{cut}");
            shown.push_str(&stream.take());
            if whole.action == Action::Allow {
                assert_eq!(shown, text);
            } else {
                let copy = whole.spans[0].bytes.start;
                assert!(shown.len() <= copy, "{shown:?} shows a part of the copy");
            }
        }
    }
}

#[test]
fn a_policy_says_what_is_wrong_and_where() {
    let good = file();
    let refused = |policy: &str, index: Option<&[u8]>, code: Code, words: &[&str]| {
        let error = Folder::new(policy, index).open().map(|_| ()).expect_err("it is refused");
        assert!(error.code == code && words.iter().all(|w| error.message.contains(w)), "{error}");
    };
    refused(POLICY, None, Code::Io, &["line 8", "deny.idx"]);
    refused(POLICY, Some(b"a text"), Code::InvalidArgument, &["line 8", "6 bytes"]);
    let mut damaged = good.clone();
    damaged[60] ^= 1;
    refused(POLICY, Some(&damaged), Code::HashMismatch, &["line 8", "changed"]);
    let changed = |from: &str, to: &str| POLICY.replace(from, to);
    refused(
        &changed("tau = 12.0", "tau = nan"),
        Some(&good),
        Code::InvalidArgument,
        &["line 9", "tau is NaN"],
    );
    refused(&changed("tau = 12.0", "tau = -1.0"), Some(&good), Code::InvalidArgument, &["tau is -1"]);
    refused(&changed("= 4", "= 0"), Some(&good), Code::InvalidArgument, &["line 10", "min_words is 0"]);
    refused(&changed("deny.idx", "../deny.idx"), Some(&good), Code::InvalidArgument, &["leaves"]);
    refused(
        &changed("[[deny]]\ncategory = \"copied\"", "[[deny]]\ncategory = \"other\""),
        Some(&good),
        Code::InvalidArgument,
        &["other"],
    );
    assert!(Policy::parse("text", POLICY).is_err_and(|e| e.message.contains("no folder")));
    // Another index is another policy.
    let sha = |index: &[u8]| Folder::new(POLICY, Some(index)).open().expect("a policy").sha256().to_owned();
    assert_ne!(sha(&good), sha(&self::index(["four words of another"].into_iter()).expect("words")));
    assert_eq!(DenyIndex::from_bytes(&good).expect("an index").n_documents(), 2);
}
