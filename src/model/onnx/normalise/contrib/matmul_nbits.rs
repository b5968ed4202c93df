//! `MatMulNBits`: weights of 2, 4 or 8 bits in blocks, each with a scale.

use tract_onnx::pb::NodeProto;

use super::super::build::Build;
use super::super::rewrite::Scope;
use super::super::visit::{input, int, output};
use super::super::{invalid, stored};
use crate::Error;

/// Inputs: A `[.., K]`, B `[N, blocks, bytes]`, scales `[N * blocks]`, zero points, group indices, bias. The weights
/// become `f32`.
pub(super) fn rule(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let (Some(a), Some(wanted)) = (input(node, 0), output(node, 0)) else { return Ok(false) };
    let weights = weights(scope, node, build)?;
    let mut out = build.op("MatMul", &[a, &weights], &[]);
    if let Some(bias) = input(node, 5) {
        out = build.op("Add", &[&out, bias], &[]);
    }
    build.call_it(&out, wanted);
    Ok(true)
}

/// The weights as MatMul takes them: `[K, N]`.
fn weights(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<String, Error> {
    let wrong = |what: &str| invalid(format!("operator {} {:?}: {what}", node.op_type, node.name));
    let size = |name: &str| usize::try_from(int(node, name, 0)).ok().filter(|&n| n > 0);
    let (k, n, block) = (size("K"), size("N"), size("block_size"));
    let (Some(k), Some(n), Some(block)) = (k, n, block) else {
        return Err(wrong("its sizes are not positive"));
    };
    let bits = int(node, "bits", 4);
    if !matches!(bits, 2 | 4 | 8) || block % 8 != 0 {
        return Err(wrong(&format!("{bits} bits in blocks of {block} are not known")));
    }
    if input(node, 4).is_some() {
        return Err(wrong("group indices are not known"));
    }
    let (bits, blocks) = (bits as usize, k.div_ceil(block));
    let per_byte = 8 / bits;
    let bytes = stored::integers(stored::weight(scope.graph, node, 1)?).ok_or_else(|| wrong("no weights"))?;
    let scales = stored::floats(stored::weight(scope.graph, node, 2)?).ok_or_else(|| wrong("no scales"))?;
    let all = n.checked_mul(blocks).ok_or_else(|| wrong("its sizes overflow"))?;
    if Some(bytes.len()) != all.checked_mul(block / per_byte) || scales.len() != all {
        return Err(wrong("weights or scales are not of the stated sizes"));
    }
    let part = |packed: &[i64], i: usize| (packed[i / per_byte] >> (i % per_byte * bits)) & ((1 << bits) - 1);
    let zero_row = blocks.div_ceil(per_byte);
    let zeros: Vec<f32> = match input(node, 3) {
        None => vec![(1 << (bits - 1)) as f32; all],
        Some(_) => {
            let tensor = stored::weight(scope.graph, node, 3)?;
            match (tensor.data_type, stored::integers(tensor)) {
                (2, Some(packed)) if packed.len() == n * zero_row => {
                    (0..all).map(|i| part(&packed[i / blocks * zero_row..], i % blocks) as f32).collect()
                }
                _ => stored::floats(tensor)
                    .filter(|zeros| tensor.data_type != 2 && zeros.len() == all)
                    .ok_or_else(|| wrong("zero points are not of the stated sizes"))?,
            }
        }
    };
    build.reserve(k.saturating_mul(n))?;
    let mut out = vec![0.0_f32; k * n];
    for (i, value) in out.iter_mut().enumerate() {
        let (row, column) = (i / n, i % n);
        let at = column * blocks + row / block;
        let byte = part(&bytes[at * (block / per_byte)..], row % block);
        *value = (byte as f32 - zeros[at]) * scales[at];
    }
    build.unpacked(&[k, n], &out)
}
