//! Rules and front end, from bytes to decision without a model: `cargo bench --no-default-features --bench front`.
//!
//! Megabytes of text a second, the best of many short rounds that take everything in turn. The text is made of common
//! words by a seeded generator; `-- PATH` takes a file's instead. Every filter finds a planted hit before it is timed.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use trueline_core::engine::filter::{Filter, FilterOptions};
use trueline_core::engine::policy::Policy;
use trueline_core::scoring::guard::canonical::Canonical;
use trueline_core::scoring::guard::rules::{Builder, Hits, Match, Rules, Scratch};

const TEXT_BYTES: usize = 1_000_000;
const ROUNDS: usize = 25;
const PATTERNS: usize = 100_000;

/// The words of most English text, roughly in order of how often they come.
const COMMON: &str = "the of and to a in is it you that he was for on are with as his they be at one have this from or had by \
    hot but some what there we can out other were all your when up use word how said an each she which do their time if will \
    way about many then them would write like so these her long make thing see him two has look more day could go come did my \
    sound no most number who over know water than call first people may down side been now find any new work part take get \
    place made live where after back little only round man year came show every good me give our under name very through just \
    form much great think say help low line before turn cause same mean differ move right boy old too does tell sentence set \
    three want air well also play small end put home read hand port large spell add even land here must big high such follow \
    act why ask men change went light kind off need house picture try us again animal point mother world near build self \
    earth father head stand own page should country found answer school grow study still learn plant cover food sun four \
    thought let keep eye never last door between city tree cross since hard start might story saw far sea draw left late run \
    while press close night real life few stop open seem together next white children begin got walk example ease paper often \
    always music those both mark book letter until mile river car feet care second group carry took rain eat room friend \
    began idea fish mountain north once base hear horse cut sure watch color face wood main enough plain girl usual young \
    ready above ever red list though feel talk bird soon body dog family direct pose leave song measure state product black \
    short numeral class wind question happen complete ship area half rock order fire south problem piece told knew pass farm \
    top whole king size heard best hour better during hundred remember step early hold west ground interest reach fast five \
    sing listen six table travel less morning ten simple several vowel toward war lay against pattern slow center love person \
    money serve appear road map science rule govern pull cold notice voice fall power town fine certain fly unit lead cry";

/// Sentences of other scripts and languages, some with marks, emoji, wide forms and joiners.
const MIXED: [&str; 12] = [
    "Die Straße führt über den Fluß, und wir gehen früh nach Hause. ",
    "L'été dernier, nous avons mangé des crêpes à côté de l'église. ",
    "\u{41c}\u{44b} \u{436}\u{438}\u{432}\u{451}\u{43c} \u{432} \u{431}\u{43e}\u{43b}\u{44c}\u{448}\u{43e}\u{43c} \u{433}\u{43e}\u{440}\u{43e}\u{434}\u{435}. ",
    "\u{4eca}\u{65e5}\u{306f}\u{5929}\u{6c17}\u{304c}\u{3044}\u{3044}\u{3067}\u{3059}\u{3002} ",
    "\u{6211}\u{4eec}\u{660e}\u{5929}\u{53bb}\u{5317}\u{4eac}\u{3002} ",
    "\u{939}\u{92e} \u{915}\u{932} \u{92c}\u{93e}\u{91c}\u{93c}\u{93e}\u{930} \u{91c}\u{93e}\u{90f}\u{901}\u{917}\u{947}\u{964} ",
    "\u{633}\u{646}\u{630}\u{647}\u{628} \u{625}\u{644}\u{649} \u{627}\u{644}\u{633}\u{648}\u{642} \u{63a}\u{62f}\u{64b}\u{627}. ",
    "\u{39f} \u{3ba}\u{3b1}\u{3b9}\u{3c1}\u{3cc}\u{3c2} \u{3b5}\u{3af}\u{3bd}\u{3b1}\u{3b9} \u{3ba}\u{3b1}\u{3bb}\u{3cc}\u{3c2}. ",
    "\u{c624}\u{b298} \u{b0a0}\u{c528}\u{ac00} \u{c88b}\u{c544}\u{c694}. ",
    "Plain words with an emoji \u{1f600} and one \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} of several parts. ",
    "The price is 20 \u{20ac}, said Ａnna  , and \u{201c}that is fine\u{201d}. ",
    "Bu g\u{fc}n \u{e7}ok g\u{fc}zel bir g\u{fc}n, de\u{11f}il mi? ",
];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((self.0 >> 32) * bound as u64) >> 32) as usize
    }
}

/// Sentences of common words: capitals, commas, a few numbers and line feeds, as people write.
fn english(random: &mut Random) -> String {
    let words: Vec<&str> = COMMON.split_whitespace().collect();
    let mut text = String::with_capacity(TEXT_BYTES + 256);
    while text.len() < TEXT_BYTES {
        let n = 5 + random.below(14);
        for place in 0..n {
            // The product of two draws: the first words come most often, as in real text.
            let word = words[random.below(words.len()) * random.below(words.len()) / words.len()];
            match place {
                0 => text.extend([word[..1].to_ascii_uppercase().as_str(), &word[1..]]),
                _ => text.extend([" ", word]),
            }
            match random.below(60) {
                0..4 if place + 1 < n => text.push(','),
                4 => _ = write!(text, " {}", random.below(2000)),
                5 => text.push_str("'s"),
                _ => {}
            }
        }
        text.push_str([". ", ". ", ". ", ".\n", "? ", "! "][random.below(6)]);
    }
    text
}

fn mixed(random: &mut Random, plain: &str) -> String {
    let mut text = String::with_capacity(TEXT_BYTES + 256);
    let mut at = 0;
    while text.len() < TEXT_BYTES {
        text.push_str(MIXED[random.below(MIXED.len())]);
        let end = plain[at..].find(". ").map_or(plain.len(), |end| at + end + 2);
        text.push_str(&plain[at..end]);
        at = if end == plain.len() { 0 } else { end };
    }
    text
}

/// A word that nobody writes, in the shape of words.
fn invented(random: &mut Random) -> String {
    let mut word = String::new();
    for _ in 0..2 + random.below(3) {
        word.push(char::from(b"bcdfghjklmnprstvwz"[random.below(18)]));
        word.push(char::from(b"aeiou"[random.below(5)]));
        if random.below(3) == 0 {
            word.push(char::from(b"nrslkmt"[random.below(7)]));
        }
    }
    word
}

/// The example policy with this many patterns more; `phrases`: of two or three words, one in two with a common first.
fn with_patterns(policy: &str, random: &mut Random, how: &str, phrases: bool) -> Policy {
    let common: Vec<&str> = COMMON.split_whitespace().collect();
    let mut text = format!("{policy}\n[[words]]\ncategory = \"insult\"\nmatch = \"{how}\"\nlist = [\n");
    for _ in 0..PATTERNS {
        let mut pattern = invented(random);
        if phrases {
            let first = match random.below(2) {
                0 => common[random.below(common.len())].to_owned(),
                _ => invented(random),
            };
            pattern = format!("{first} {pattern}");
            if random.below(2) == 0 {
                pattern = format!("{pattern} {}", invented(random));
            }
        }
        _ = writeln!(text, "\"{pattern}x\",");
    }
    text.push_str("\"plantedxx\"]\n");
    Policy::parse("patterns", &text).expect("a good policy")
}

/// Rules alone, as the example policy has them.
fn bare_rules() -> Rules {
    let mut rules = Builder::default();
    for word in ["idiot", "moron", "dummkopf", "i will kill you", "plantedxx"] {
        rules.pattern(0, word, Match::Word, true).expect("a pattern");
    }
    rules.build().expect("rules")
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = std::fs::read_to_string(root.join("examples/policies/chat-app.toml")).expect("the example");
    let example = example.replace("max_text_bytes = 1048576", "max_text_bytes = 16777216");
    let mut random = Random(20_261_129);
    let plain = match words.first() {
        Some(path) => std::fs::read_to_string(path).expect("a text file"),
        None => english(&mut random),
    };
    let mixed = mixed(&mut random, &plain);
    let planted = "\n[[words]]\ncategory = \"insult\"\nlist = [\"plantedxx\"]\n";
    let policies = [
        ("chat-app", Policy::parse("chat", &format!("{example}{planted}")).expect("a good policy")),
        ("and 100,000 words", with_patterns(&example, &mut random, "word", false)),
        ("and 100,000 phrases", with_patterns(&example, &mut random, "word", true)),
        ("and 100,000 substrings", with_patterns(&example, &mut random, "substring", false)),
    ];
    let filters = policies
        .map(|(name, policy)| (name, Arc::new(Filter::new(Arc::new(policy), None).expect("rules alone"))));
    let options = FilterOptions::default();
    for (_, filter) in &filters {
        for text in [&plain, &mixed] {
            let count = |text: &str| {
                let decision = Filter::judge(filter, text.as_bytes(), &options);
                assert!(decision.error.is_none(), "{:?}", decision.error);
                decision.spans.len()
            };
            assert_eq!(count(text) + 1, count(&format!("{text} plantedxx")), "the planted word is found");
        }
    }
    type Step<'a> = (String, usize, Box<dyn FnMut() + 'a>);
    let rules = bare_rules();
    let mut steps: Vec<Step<'_>> = Vec::new();
    for (language, text) in [("plain", &plain), ("mixed", &mixed)] {
        let bytes = text.len();
        let checked = || _ = black_box(str::from_utf8(black_box(text.as_bytes())));
        steps.push((format!("{language}: UTF-8 check"), bytes, Box::new(checked)));
        let mut canonical = Canonical::default();
        let form = move || canonical.assign(black_box(text)).expect("a short text");
        steps.push((format!("{language}: canonical text"), bytes, Box::new(form)));
        let (mut scratch, mut hits, rules) = (Scratch::default(), Hits::default(), &rules);
        let scan = move || {
            hits.clear();
            for at in (0..text.len()).step_by(16 << 10) {
                let end = text.floor_char_boundary(at + (16 << 10));
                rules.scan(&text[text.floor_char_boundary(at)..end], 0, &mut scratch, &mut hits);
            }
            black_box(&hits);
        };
        steps.push((format!("{language}: five words alone, no front end"), bytes, Box::new(scan)));
        for (name, filter) in &filters {
            let options = options.clone();
            let judge = move || _ = black_box(Filter::judge(filter, black_box(text.as_bytes()), &options));
            steps.push((format!("{language}: bytes to decision, {name}"), bytes, Box::new(judge)));
        }
    }
    let mut best = vec![f64::INFINITY; steps.len()];
    for _ in 0..ROUNDS {
        for ((_, _, step), best) in steps.iter_mut().zip(&mut best) {
            let start = Instant::now();
            step();
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    println!("plain {} bytes, mixed {} bytes, best of {ROUNDS} rounds", plain.len(), mixed.len());
    for ((name, bytes, _), seconds) in steps.iter().zip(&best) {
        println!("| {name} | {:.0} MB/s |", *bytes as f64 / seconds / 1e6);
    }
}
