//! One self-contained page of alignments: both sentences with lines between linked words, and the grid.

use std::fmt::Write;

use trueline_core::engine::align::WordAlignment;

/// The most words of a side that a grid is drawn for.
const GRID: usize = 200;

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Word alignment</title><style>
body{font:16px/1.4 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}
section{margin:0 0 3rem;border-top:1px solid #ccc;padding-top:1rem;overflow-x:auto}
.pair{position:relative;width:max-content;min-width:100%}
.side{display:flex;gap:.6rem;white-space:pre}
.side span{padding:.1rem .3rem;border-radius:.3rem;background:#eef}
.side span.free{background:#f3f3f3;color:#888}
.side.source{margin-bottom:4rem}
.on{background:#fd8!important;color:#000!important}
svg{position:absolute;left:0;top:0;width:100%;height:100%;pointer-events:none}
line{stroke:#46c}
table{border-collapse:collapse;margin-top:1.5rem;font-size:13px}
td,th{border:1px solid #ddd;width:1.6rem;height:1.6rem;padding:0 .2rem;font-weight:normal}
thead th{writing-mode:vertical-rl;text-align:right;height:auto;padding:.3rem 0}
tbody th{text-align:right;white-space:pre}
</style></head><body><h1>Word alignment</h1>
"#;

const TAIL: &str = r#"<script>
function draw(){for(const p of document.querySelectorAll('.pair')){const g=p.querySelector('svg'),o=p.getBoundingClientRect();
g.textContent='';const s=p.querySelectorAll('.source span'),t=p.querySelectorAll('.target span');
for(const l of p.dataset.links.split(' ').filter(Boolean)){const[i,j,w]=l.split(':'),a=s[i].getBoundingClientRect(),
b=t[j].getBoundingClientRect(),e=document.createElementNS('http://www.w3.org/2000/svg','line');
e.setAttribute('x1',(a.left+a.right)/2-o.left);e.setAttribute('y1',a.bottom-o.top);
e.setAttribute('x2',(b.left+b.right)/2-o.left);e.setAttribute('y2',b.top-o.top);
e.setAttribute('stroke-width',.5+2*w);e.dataset.i=i;e.dataset.j=j;g.append(e)}}}
draw();addEventListener('resize',draw);
for(const p of document.querySelectorAll('.pair'))for(const[n,q]of[[0,'.source'],[1,'.target']])
p.querySelectorAll(q+' span').forEach((w,k)=>{const m=on=>{w.classList.toggle('on',on);
for(const l of p.dataset.links.split(' ').filter(Boolean)){const x=l.split(':');
if(+x[n]===k)p.querySelectorAll((n?'.source':'.target')+' span')[x[1-n]].classList.toggle('on',on)}};
w.onmouseenter=()=>m(true);w.onmouseleave=()=>m(false)});
</script></body></html>
"#;

/// One pair's part of the page.
pub fn pair(source: &[&str], target: &[&str], found: &WordAlignment) -> String {
    let mut out = String::from("<section><div class=\"pair\" data-links=\"");
    for l in &found.links {
        let _ = write!(out, "{}:{}:{:.3} ", l.link.source, l.link.target, l.score);
    }
    out.push_str("\"><svg></svg>");
    let free = found.unlinked();
    for ((name, words), free) in [("source", source), ("target", target)].into_iter().zip(free) {
        let _ = write!(out, "<div class=\"side {name}\">");
        for (at, word) in words.iter().enumerate() {
            let class = if free.binary_search(&at).is_ok() { " class=\"free\"" } else { "" };
            let _ = write!(out, "<span dir=\"auto\"{class}>{}</span>", escaped(word));
        }
        out.push_str("</div>");
    }
    out.push_str("</div>");
    if source.len() <= GRID && target.len() <= GRID {
        grid(&mut out, source, target, found);
    }
    out.push_str("</section>\n");
    out
}

fn grid(out: &mut String, source: &[&str], target: &[&str], found: &WordAlignment) {
    out.push_str("<table><thead><tr><th></th>");
    for word in target {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escaped(word));
    }
    out.push_str("</tr></thead><tbody>");
    let mut links = found.links.iter().peekable();
    for (i, word) in source.iter().enumerate() {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escaped(word));
        for j in 0..target.len() {
            match links.next_if(|l| (l.link.source, l.link.target) == (i, j)) {
                Some(l) => {
                    let _ = write!(
                        out,
                        "<td title=\"{:.3}\" style=\"background:rgba(64,96,204,{:.2})\"></td>",
                        l.score, l.score
                    );
                }
                None => out.push_str("<td></td>"),
            }
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
}

/// The whole page.
pub fn page(pairs: &[String]) -> String {
    [HEAD, &pairs.concat(), TAIL].concat()
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
    fn words_are_shown_as_text_and_links_as_cells() {
        let links = vec![WordLink { link: Link::new(1, 0), score: 0.5 }];
        let found =
            WordAlignment { links, source: [0..1, 2..3].to_vec(), target: std::iter::once(0..1).collect() };
        let page = page(&[pair(&["<script>", "b"], &["\"&"], &found)]);
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>&"), "{page}");
        assert!(page.contains("data-links=\"1:0:0.500 \""), "{page}");
        assert!(page.contains("&quot;&amp;"), "{page}");
        assert_eq!(page.matches("<td").count(), 2);
        assert_eq!(page.matches("class=\"free\"").count(), 1);
        assert_eq!(
            page.matches("http").count(),
            2,
            "the namespace of SVG and the policy's header alone: {page}"
        );
    }
}
