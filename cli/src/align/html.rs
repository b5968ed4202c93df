//! One self-contained page of alignments: both sides with lines between what is linked, and the grid.

use std::fmt::Write;

use trueline_core::engine::align::{SentencePair, WordAlignment};

/// The most words or sentences of a side that a grid is drawn for.
const GRID: usize = 200;

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>TITLE</title><style>
:root{color-scheme:light dark;--ink:#222;--paper:#fff;--rule:#ccc;--word:#e8ecff;--free:#f2f2f2;--dim:#666;--line:#36b;--link:54,102,187;--on:#fd8}
@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#16181d;--rule:#444;--word:#2a3350;--free:#24262b;--dim:#a0a0a0;
--line:#8af;--link:136,170,255;--on:#865c00}}
body{font:16px/1.4 system-ui,sans-serif;margin:2rem;color:var(--ink);background:var(--paper)}
h2{font-size:1rem;margin:0 0 .6rem;color:var(--dim)}
section{margin:0 0 3rem;border-top:1px solid var(--rule);padding-top:1rem}
.wide{overflow-x:auto;max-width:100%}
.pair{position:relative;width:max-content}
.side{display:flex;gap:.6rem;white-space:pre;padding:3px}
.side span{padding:.1rem .3rem;border-radius:.3rem;background:var(--word);border:1px solid transparent}
.side span.free{background:var(--free);color:var(--dim);border:1px dashed var(--dim)}
.side.source{margin-bottom:4rem}
.side .on{background:var(--on)}
svg{position:absolute;left:0;top:0;width:100%;height:100%;pointer-events:none}
line{stroke:var(--line)}
line.on{stroke:var(--ink)}
table{border-collapse:collapse;margin-top:1.5rem;font-size:13px}
td,th{border:1px solid var(--rule);width:1.6rem;min-width:1.6rem;height:1.6rem;padding:0 .2rem;font-weight:normal}
thead th{writing-mode:vertical-rl;text-align:right;height:auto;padding:.3rem 0;vertical-align:middle}
tbody th{text-align:right;white-space:pre;position:sticky;left:0;background:var(--paper)}
td span,caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
td{position:relative}
.list{display:flex;gap:6rem;width:auto;max-width:70rem}
.list .side{display:block;flex:1;white-space:pre-wrap;margin:0}
.list .side span{display:block;margin:0 0 .5rem}
.list .side span::before{content:attr(data-n)" ";color:var(--dim)}
@media print{.wide{overflow:visible}}
</style></head><body><h1>TITLE</h1>
"#;

const TAIL: &str = r#"<script>
function draw(){for(const p of document.querySelectorAll('.pair')){const g=p.querySelector('svg'),o=p.getBoundingClientRect();
g.textContent='';const s=p.querySelectorAll('.source span'),t=p.querySelectorAll('.target span');
for(const l of p.dataset.links.split(' ').filter(Boolean)){const[i,j,w]=l.split(':'),a=s[i].getBoundingClientRect(),
b=t[j].getBoundingClientRect(),e=document.createElementNS('http://www.w3.org/2000/svg','line'),
n=p.classList.contains('list');
e.setAttribute('x1',(n?a.right:(a.left+a.right)/2)-o.left);e.setAttribute('y1',(n?(a.top+a.bottom)/2:a.bottom)-o.top);
e.setAttribute('x2',(n?b.left:(b.left+b.right)/2)-o.left);e.setAttribute('y2',(n?(b.top+b.bottom)/2:b.top)-o.top);
e.setAttribute('stroke-width',.5+2*w);e.dataset.i=i;e.dataset.j=j;g.append(e)}}}
draw();addEventListener('resize',draw);
for(const p of document.querySelectorAll('.pair'))for(const[n,q]of[[0,'.source'],[1,'.target']])
p.querySelectorAll(q+' span').forEach((w,k)=>{const m=on=>{w.classList.toggle('on',on);
p.querySelectorAll('line').forEach(e=>{if(+(n?e.dataset.j:e.dataset.i)!==k)return;e.classList.toggle('on',on);
p.querySelectorAll((n?'.source':'.target')+' span')[n?e.dataset.i:e.dataset.j].classList.toggle('on',on)})};
w.onmouseenter=w.onfocus=()=>m(true);w.onmouseleave=w.onblur=()=>m(false)});
</script></body></html>
"#;

/// One pair's part of the page; `number` counts from 1.
pub fn pair(number: usize, source: &[&str], target: &[&str], found: &WordAlignment) -> String {
    let links: Vec<Shown> = found.links.iter().map(|l| (l.link.source, l.link.target, l.score)).collect();
    let kind = Kind { class: "pair", head: "Pair", what: "words" };
    section(&kind, number, [source, target], &links, found.unlinked())
}

/// The part of the page of two documents: every sentence of a pair is linked with every one of its other side.
pub fn document(number: usize, source: &[&str], target: &[&str], found: &[SentencePair]) -> String {
    let mut links: Vec<Shown> = Vec::new();
    let mut free = [vec![], vec![]];
    for pair in found {
        for i in pair.source.clone() {
            links.extend(pair.target.clone().map(|j| (i, j, pair.score)));
        }
        for (side, own, other) in [(0, &pair.source, &pair.target), (1, &pair.target, &pair.source)] {
            if other.is_empty() {
                free[side].extend(own.clone());
            }
        }
    }
    let kind = Kind { class: "pair list", head: "Document", what: "sentences" };
    section(&kind, number, [source, target], &links, free)
}

/// A link: source, target, score.
type Shown = (usize, usize, f32);

/// What a part of a page is of.
struct Kind {
    class: &'static str,
    head: &'static str,
    what: &'static str,
}

/// One pair of sides. Links come sorted, and so do the positions without one.
fn section(
    kind: &Kind,
    number: usize,
    sides: [&[&str]; 2],
    links: &[Shown],
    free: [Vec<usize>; 2],
) -> String {
    let Kind { class, head, what } = kind;
    let mut out = format!(
        "<section><h2>{head} {number}</h2><div class=\"wide\" tabindex=\"0\" role=\"group\" \
         aria-label=\"{head} {number}: {what} and links\"><div class=\"{class}\" data-links=\""
    );
    for (i, j, score) in links {
        // A line has some width however little its ends are alike.
        let _ = write!(out, "{i}:{j}:{:.3} ", score.max(0.0));
    }
    out.push_str("\"><svg aria-hidden=\"true\"></svg>");
    for ((name, units), free) in ["source", "target"].into_iter().zip(sides).zip(free) {
        let direction = if is_right_to_left(units) { "rtl" } else { "ltr" };
        let _ = write!(out, "<div class=\"side {name}\" dir=\"{direction}\">");
        for (at, unit) in units.iter().enumerate() {
            // What has links can be reached by key, and shows them as under a pointer.
            let class = if free.binary_search(&at).is_ok() { " class=\"free\"" } else { " tabindex=\"0\"" };
            let _ = write!(out, "<span dir=\"auto\" data-n=\"{at}\"{class}>{}</span>", escaped(unit));
        }
        out.push_str("</div>");
    }
    out.push_str("</div>");
    if sides.iter().all(|side| side.len() <= GRID) {
        grid(&mut out, kind, number, sides, links);
    }
    out.push_str("</div></section>\n");
    out
}

/// Whether the first letter of a sentence is of a script that runs from right to left.
fn is_right_to_left(words: &[&str]) -> bool {
    let first = words.iter().flat_map(|word| word.chars()).find(|c| c.is_alphabetic());
    first.is_some_and(|c| {
        matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1efff}')
    })
}

fn grid(out: &mut String, kind: &Kind, number: usize, [source, target]: [&[&str]; 2], links: &[Shown]) {
    let Kind { head, what, .. } = kind;
    let _ = write!(
        out,
        "<table><caption>{head} {number}: source {what} down, target {what} across; a cell has the link's score\
        </caption><thead><tr><td></td>"
    );
    // A sentence is too long for a cell: its number, which the list above has, stands for it.
    let by_number = kind.what == "sentences";
    let name = |at: usize, unit: &str| if by_number { at.to_string() } else { escaped(unit) };
    for (at, word) in target.iter().enumerate() {
        let _ = write!(out, "<th scope=\"col\" dir=\"auto\">{}</th>", name(at, word));
    }
    out.push_str("</tr></thead><tbody>");
    let mut links = links.iter().peekable();
    for (i, word) in source.iter().enumerate() {
        let _ = write!(out, "<tr><th scope=\"row\" dir=\"auto\">{}</th>", name(i, word));
        for j in 0..target.len() {
            match links.next_if(|(source, target, _)| (*source, *target) == (i, j)) {
                Some((_, _, score)) => {
                    // Scores of words lie between a half and 1 as a rule; the colour is spread over that.
                    let strength = if by_number { *score } else { 2.0 * score - 1.0 }.clamp(0.15, 1.0);
                    let _ = write!(
                        out,
                        "<td title=\"{score:.3}\" style=\"background:rgba(var(--link),{strength:.2})\"><span>{score:.2}</span></td>"
                    );
                }
                None => out.push_str("<td></td>"),
            }
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
}

/// The whole page of words.
pub fn page(pairs: &[String]) -> String {
    whole("Word alignment", pairs)
}

/// The whole page of sentences.
pub fn page_of_documents(documents: &[String]) -> String {
    whole("Sentence alignment", documents)
}

fn whole(title: &str, parts: &[String]) -> String {
    [&HEAD.replace("TITLE", title), &parts.concat()[..], TAIL].concat()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueline_core::engine::align::WordLink;
    use trueline_core::scoring::align::Link;

    #[test]
    fn a_side_runs_as_its_first_letter_does() {
        assert!(is_right_to_left(&["«", "\u{643}\u{62a}\u{627}\u{628}", "x"]));
        assert!(
            !is_right_to_left(&["1", "x", "\u{643}"]) && !is_right_to_left(&["."]) && !is_right_to_left(&[])
        );
    }

    #[test]
    fn words_are_shown_as_text_and_links_as_cells() {
        let links = vec![WordLink { link: Link::new(1, 0), score: 0.5 }];
        let found =
            WordAlignment { links, source: [0..1, 2..3].to_vec(), target: std::iter::once(0..1).collect() };
        let page = page(&[pair(1, &["<script>", "b"], &["\"&"], &found)]);
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>&"), "{page}");
        assert!(page.contains("data-links=\"1:0:0.500 \""), "{page}");
        assert!(page.contains("&quot;&amp;"), "{page}");
        assert_eq!(page.matches("<td").count(), 3, "two cells and the corner");
        assert_eq!(page.matches("class=\"free\"").count(), 1);
        assert_eq!(page.matches("tabindex=\"0\"").count(), 3, "the pair and two words with links");
        assert!(page.contains("<span>0.50</span>") && !page.contains("dir=\"rtl\""), "{page}");
        assert_eq!(
            page.matches("http").count(),
            2,
            "the namespace of SVG and the policy's header alone: {page}"
        );
    }

    #[test]
    fn sentences_are_listed_and_linked_within_their_pairs() {
        let found = [
            SentencePair { source: 0..1, target: 0..2, score: 0.75 },
            SentencePair { source: 1..2, target: 2..2, score: 0.0 },
            SentencePair { source: 2..3, target: 2..3, score: -0.25 },
        ];
        let part = document(3, &["A <b>.", "Alone.", "C."], &["a", "&", "c"], &found);
        assert!(part.contains("data-links=\"0:0:0.750 0:1:0.750 2:2:0.000 \""), "{part}");
        assert!(part.contains("A &lt;b&gt;.") && part.contains(">&amp;<") && !part.contains("<b>"), "{part}");
        assert_eq!(part.matches("class=\"free\"").count(), 1, "{part}");
        assert!(part.contains("data-n=\"1\" class=\"free\">Alone.</span>"), "{part}");
        // The grid has numbers, and the text stands in the list alone.
        assert_eq!(part.matches("Alone.").count(), 1);
        assert_eq!((part.matches("<td></td>").count(), part.matches("<td title").count()), (7, 3));
        assert!(part.contains("<th scope=\"row\" dir=\"auto\">1</th>") && part.contains(">-0.25</span>"));
        let page = page_of_documents(&[part]);
        assert_eq!(page.matches("Sentence alignment").count(), 2);
        assert!(!page.contains("TITLE") && page.ends_with("</html>\n"));
        let many = vec!["x"; GRID + 1];
        assert!(!document(1, &many, &["y"], &[]).contains("<table>"), "no grid of so many");
    }
}
