//! A plan with something of everything: two layers of a small encoder, its mask, pooling, and a head.

use trueline_core::kernels::{linear_f32, linear_i8};
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::ir::{
    ABSENT, Activation, Attention, Binary, Dequantise, Form, Heads, Id, Kind, Linear, Norm, Op, Place,
    Reduce, Rows, Unary, Weights,
};

use super::{Builder, Random};

/// Features, heads, and rows of the table of embeddings.
pub const WIDTH: usize = 64;
const HEADS: usize = 4;
pub const WORDS: usize = 50;

fn linear(builder: &mut Builder, random: &mut Random, [k, n]: [usize; 2], activation: Activation) -> Op {
    let bias = builder.constant(&[n], Data::F32(&random.floats(n, 0.1)));
    let is_i8 = !n.is_multiple_of(5);
    let weights = if is_i8 {
        let (mut packed, mut sums) = (vec![0; linear_i8::packed_len(k, n)], vec![0; n]);
        linear_i8::pack(&random.bytes(k * n), [k, n], &mut packed, &mut sums);
        Weights::I8 {
            packed: builder.constant(&[packed.len()], Data::I8(&packed)),
            scales: builder.constant(&[n], Data::F32(&vec![0.002; n])),
            sums: builder.constant(&[n], Data::I32(&sums)),
            rows: Rows::Dynamic { factors: ABSENT },
        }
    } else {
        let mut packed = vec![0.0; linear_f32::packed_len(k, n)];
        linear_f32::pack(&random.floats(k * n, 0.2), [k, n], &mut packed);
        Weights::F32 { packed: builder.constant(&[packed.len()], Data::F32(&packed)) }
    };
    let (k, n) = (k as u32, n as u32);
    Op::Linear(Linear { k, n, weights, bias, activation, residual: false })
}

fn norm(builder: &mut Builder, x: Id, residual: Id, out: Id) {
    let weight = builder.constant(&[WIDTH], Data::F32(&[1.0; WIDTH]));
    let bias = builder.constant(&[WIDTH], Data::F32(&[0.1; WIDTH]));
    builder.step(Op::Norm(Norm { centred: true, epsilon: 1e-5 }), &[x, weight, bias, residual], &[out]);
}

/// Inputs: ids and mask, I64, `[batch, tokens]`. Outputs: `[batch, 5]`, and every token's features.
pub fn encoder() -> Builder {
    let (mut builder, mut random) = (Builder::default(), Random(77));
    let (ids, mask) = (builder.input(Kind::I64), builder.input(Kind::I64));
    let table = builder.constant(&[WORDS, WIDTH], Data::I8(&random.bytes(WORDS * WIDTH)));
    let scales = builder.constant(&[WORDS], Data::F32(&[0.02; WORDS]));
    let one = builder.constant(&[], Data::F32(&[1.0]));
    let lowest = builder.constant(&[], Data::F32(&[-1e9]));
    let axes = builder.constant(&[2], Data::I64(&[1, 2]));
    let token_axis = builder.constant(&[1], Data::I64(&[1]));
    let last_axis = builder.constant(&[1], Data::I64(&[-1]));
    let heads_shape = builder.constant(&[4], Data::I64(&[0, 0, HEADS as i64, -1]));
    let flat_shape = builder.constant(&[3], Data::I64(&[0, 0, WIDTH as i64]));

    // Slots: 0 the stream, 1 to 4 for what layers make, 5 the mask.
    builder.plan.slots = 6;
    let slot = |builder: &mut Builder, kind, slot| builder.value(kind, Place::Slot(slot));
    let wide = slot(&mut builder, Kind::F32, 1);
    builder.step(Op::Cast, &[mask], &[wide]);
    let unseen = slot(&mut builder, Kind::F32, 2);
    builder.step(Op::Binary(Binary::Sub), &[one, wide], &[unseen]);
    let added = slot(&mut builder, Kind::F32, 5);
    builder.step(Op::Binary(Binary::Mul), &[unseen, lowest], &[added]);
    let seen = builder.value(Kind::F32, Place::View(added));
    builder.step(Op::Unsqueeze, &[added, axes], &[seen]);

    let embedded = slot(&mut builder, Kind::F32, 1);
    builder.step(Op::GatherRows(Dequantise { scales, zero: 1 }), &[table, ids], &[embedded]);
    let mut stream = slot(&mut builder, Kind::F32, 0);
    norm(&mut builder, embedded, ABSENT, stream);
    for (layer, form) in [Form::I8, Form::F32].into_iter().enumerate() {
        let qkv = slot(&mut builder, Kind::F32, 1);
        let op = linear(&mut builder, &mut random, [WIDTH, 3 * WIDTH], Activation::None);
        builder.step(op, &[stream], &[qkv]);
        let attended = slot(&mut builder, Kind::F32, 2);
        let columns = [0, WIDTH, 2 * WIDTH].map(|first| Heads::Columns { first: first as u32 });
        let attention = Attention {
            heads: HEADS as u32,
            kv_heads: HEADS as u32,
            dim: (WIDTH / HEADS) as u32,
            v_dim: (WIDTH / HEADS) as u32,
            scale: 0.25,
            form,
            causal: layer == 1,
            safe: true,
            operands: columns,
            heads_first: layer == 1,
        };
        builder.step(Op::Attention(attention), &[qkv, qkv, qkv, seen], &[attended]);
        let joined = slot(&mut builder, Kind::F32, 3);
        if layer == 1 {
            builder.step(Op::Transpose { perm: vec![0, 2, 1, 3] }, &[attended], &[joined]);
        } else {
            let split = builder.value(Kind::F32, Place::View(attended));
            builder.step(Op::Reshape { allow_zero: false }, &[attended, heads_shape], &[split]);
            builder.step(Op::Identity, &[split], &[joined]);
        }
        let flat = builder.value(Kind::F32, Place::View(joined));
        builder.step(Op::Reshape { allow_zero: false }, &[joined, flat_shape], &[flat]);
        let projected = slot(&mut builder, Kind::F32, 1);
        let op = linear(&mut builder, &mut random, [WIDTH, WIDTH], Activation::None);
        builder.step(op, &[flat], &[projected]);
        let between = slot(&mut builder, Kind::F32, 4);
        norm(&mut builder, projected, stream, between);
        let hidden = slot(&mut builder, Kind::F32, 2);
        let op = linear(&mut builder, &mut random, [WIDTH, 2 * WIDTH], Activation::Gelu);
        builder.step(op, &[between], &[hidden]);
        let made = slot(&mut builder, Kind::F32, 1);
        let op = linear(&mut builder, &mut random, [2 * WIDTH, WIDTH], Activation::None);
        builder.step(op, &[hidden], &[made]);
        stream = slot(&mut builder, Kind::F32, 0);
        norm(&mut builder, made, between, stream);
    }
    // The mean over the tokens that count.
    let weights = slot(&mut builder, Kind::F32, 1);
    builder.step(Op::Cast, &[mask], &[weights]);
    let column = builder.value(Kind::F32, Place::View(weights));
    builder.step(Op::Unsqueeze, &[weights, last_axis], &[column]);
    let weighted = slot(&mut builder, Kind::F32, 2);
    builder.step(Op::Binary(Binary::Mul), &[stream, column], &[weighted]);
    let sum = Op::Reduce { reduce: Reduce::Sum, keep: false, noop_if_empty: false };
    let (pooled, count) = (slot(&mut builder, Kind::F32, 3), slot(&mut builder, Kind::F32, 4));
    builder.step(sum.clone(), &[weighted, token_axis], &[pooled]);
    builder.step(sum, &[column, token_axis], &[count]);
    let least = slot(&mut builder, Kind::F32, 2);
    builder.step(Op::Binary(Binary::Max), &[count, one], &[least]);
    let mean = slot(&mut builder, Kind::F32, 1);
    builder.step(Op::Binary(Binary::Div), &[pooled, least], &[mean]);
    let logits = slot(&mut builder, Kind::F32, 2);
    let op = linear(&mut builder, &mut random, [WIDTH, 5], Activation::None);
    builder.step(op, &[mean], &[logits]);
    let risk = slot(&mut builder, Kind::F32, 3);
    builder.step(Op::Unary(Unary::Activation(Activation::Sigmoid)), &[logits], &[risk]);
    let sorted = slot(&mut builder, Kind::F32, 1);
    builder.step(Op::Softmax { axis: -1, log: false }, &[risk], &[sorted]);
    builder.output(sorted);
    builder.output(stream);
    builder
}

/// Ids and a mask for `batch` texts, of which each has fewer tokens than the one before.
pub fn texts(batch: usize, tokens: usize) -> (Vec<i64>, Vec<i64>) {
    let ids = (0..batch * tokens).map(|i| (i * 7 % WORDS) as i64).collect();
    let mask = (0..batch * tokens).map(|i| i64::from(i % tokens < tokens.saturating_sub(i / tokens).max(1)));
    (ids, mask.collect())
}
