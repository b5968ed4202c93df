//! `symmetrize`: links of both directions joined, in the order of three programs.

use serde_json::{Map, Value};
use trueline_core::scoring::align::symmetrize::{Last, Method, Program, symmetrize};

use super::json::{count, links, links_to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    sets: &[
        "intersection",
        "intersect",
        "union",
        "grow",
        "grow_diag",
        "grow_diag_final",
        "grow_diag_final_and",
        "lilt_and_variant",
    ],
    ..Algorithm::new("symmetrize", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (forward, reverse) = (links(case.input("forward"))?, links(case.input("reverse"))?);
    let lengths = [count(case.input("src_len"))?, count(case.input("tgt_len"))?];
    let join = |method, program| -> Result<Value, Stop> {
        Ok(links_to_json(&symmetrize(&forward, &reverse, lengths, method, program)?))
    };
    let grow = |diagonal, last| Method::Grow { diagonal, last };
    let diagonal = [
        ("grow_diag", Last::Nothing),
        ("grow_diag_final", Last::Either),
        ("grow_diag_final_and", Last::Both),
    ];
    let mut found = Map::new();
    for (name, program) in [("moses", Program::Moses), ("fast_align_atools", Program::FastAlign)] {
        let both = join(Method::Intersection, program)?;
        let mut of = Map::from_iter([("union".to_owned(), join(Method::Union, program)?)]);
        of.extend([("intersection".to_owned(), both.clone()), ("intersect".to_owned(), both)]);
        if program == Program::Moses {
            of.insert("grow".to_owned(), join(grow(false, Last::Nothing), program)?);
        }
        for (key, last) in diagonal {
            of.insert(key.to_owned(), join(grow(true, last), program)?);
        }
        found.insert(name.to_owned(), Value::Object(of));
    }
    found.insert("lilt_and_variant".to_owned(), join(Method::default(), Program::Lilt)?);
    Ok(Value::Object(found))
}
