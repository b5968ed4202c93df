"""A second look for the inspector, in the middle of the network.

Where all heads learn on one encoder, the inspector knows its thousand dialogues by heart. A logistic regression on the states that MiniLM
had before any of that, averaged over the answer, cannot. What it says of an answer is carried over to the tuned encoder's layers by a
ridge regression, and added to the inspector's logit in the model file, with the largest whole weight that leaves it able to tell toxic from
neutral answers. The file also gets the output `pooled`, the mean that heads read.
"""

import argparse
import random
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold
from tokenizers import Tokenizer

import data
import pairs
from encoder import Encoder, from_shipped_onnx, from_weight_only_onnx
from export import add_means

SOURCE = 4  # the layer of MiniLM whose states are read
LAYERS = (2, 3, 4, 5)  # those of the tuned encoder that stand in for it
STRENGTH = 3e-4  # C of the logistic regression, by cross-validation; weaker ones do as well there, and are carried over worse
LEAST_AREA = 0.95  # of toxic and neutral answers on dev, with the look
SIDES, OTHERS = 1200, 3000  # pairs of paradetox and rows of the guard that are looked at besides
TOKENS = 1024  # padded tokens a batch
SEED = 9


def texts(root, tokenizer) -> dict[str, list[tuple]]:
    """Ids and token types of questions with answers. `hh_*` and `sides_*` are pairs in a row, the better answer first."""
    pick, out = random.Random(SEED), {}
    for split in ("train", "dev", "test"):
        out[f"hh_{split}"] = [e for pair in pairs.preferences(root, tokenizer, (split,)) for e in pair]
        found = pairs.sides(root, tokenizer, split)
        pick.shuffle(found)
        out[f"sides_{split}"] = [e for pair in found[:SIDES] for e in pair]
    rows = [r for r in data.load(root)["train"] if r.source not in ("hh-harmless", "paradetox")]
    pick.shuffle(rows)
    asked = [pairs.last_question(r["prompt"]) for r in data.read(root, "hh-harmless")]
    question = lambda: pick.choice(asked if pick.random() < 0.5 else pairs.QUESTIONS)
    out["others"] = [pairs.encoded(tokenizer, question(), r.text) for r in rows[:OTHERS]]
    return out


@torch.no_grad()
def answer_means(encoder: Encoder, items: list[tuple]) -> tuple[np.ndarray, np.ndarray]:
    """[texts, 1 + layers, hidden]: the mean over the answer's tokens, of the embeddings and after each layer; and [texts, hidden], the mean
    over all tokens after the last."""
    order = sorted(range(len(items)), key=lambda i: len(items[i][0]))
    out = np.zeros((len(items), 1 + len(encoder.layers), encoder.norm.normalized_shape[0]), dtype=np.float32)
    last, at = out[:, 0].copy(), 0
    while at < len(order):
        chunk = order[at : at + max(1, min(32, TOKENS // len(items[order[at]][0])))]
        width = max(len(items[i][0]) for i in chunk)
        ids, mask, types = (torch.zeros(len(chunk), width, dtype=torch.int64) for _ in range(3))
        for row, i in enumerate(chunk):
            n = len(items[i][0])
            ids[row, :n], mask[row, :n], types[row, :n] = torch.tensor(items[i][0]), 1, torch.tensor(items[i][1])
        weights = types.float() / types.sum(dim=1, keepdim=True).clamp(min=1)
        bias = (1.0 - mask[:, None, None, :].float()) * -10000.0
        x = encoder.norm(encoder.word(ids) + encoder.token_type(types) + encoder.position.weight[:width])
        means = [torch.einsum("bn,bnd->bd", weights, x)]
        for layer in encoder.layers:
            x = layer(x, bias)
            means.append(torch.einsum("bn,bnd->bd", weights, x))
        out[chunk] = torch.stack(means, dim=1).numpy()
        last[chunk] = (torch.einsum("bn,bnd->bd", mask.float(), x) / mask.sum(dim=1, keepdim=True)).numpy()
        at += len(chunk)
    return out, last


def kept(path: Path, make) -> dict[str, np.ndarray]:
    """What `make` gives, from the file if it is there."""
    if not path.exists():
        np.savez(path, **make())
    return dict(np.load(path))


def differences(means: np.ndarray) -> np.ndarray:
    """[pairs, hidden] of the source layer: the better answer less the worse."""
    return means[0::2, SOURCE] - means[1::2, SOURCE]


def preference(d: np.ndarray) -> np.ndarray:
    """The direction in which the better answer lies, by logistic regression on differences."""
    spread = d.std(axis=0) + 1e-6
    both, answers = np.concatenate([d, -d]) / spread, np.repeat([1, 0], len(d))
    return LogisticRegression(C=STRENGTH, fit_intercept=False, max_iter=2000).fit(both, answers).coef_[0] / spread


def carried_over(start: dict, tuned: dict, direction: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights over the tuned encoder's `LAYERS`, and their bias, that say what `direction` says of MiniLM's states."""
    names = ("hh_train", "sides_train", "sides_dev", "others")
    wide = lambda m: m[:, LAYERS].reshape(len(m), -1)
    x = np.concatenate([wide(tuned[n]) for n in names])
    y = np.concatenate([start[n][:, SOURCE] @ direction for n in names])
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    found = RidgeCV(alphas=[10, 30, 100, 300, 1000]).fit((x - mean) / spread, y)
    weights = found.coef_ / spread
    return weights, float(found.intercept_ - mean @ weights)


def attach(proto: onnx.ModelProto, weights: np.ndarray, bias: float):
    """Adds the look to the inspector's logit, and the output `pooled`."""
    graph, node = proto.graph, helper.make_node
    last = next(n for n in graph.node if n.output[0] == "aligned")
    last.output[0] = "/aligned/last"
    states = {str(layer): f"/encoder/layers.{layer - 1}/outer_norm/LayerNormalization_output_0" for layer in LAYERS}
    means = add_means(graph, "token_type_ids", states, "answer")
    graph.node.extend([
        node("Concat", means, ["/answer/means"], "/answer/Concat", axis=1),
        node("MatMul", ["/answer/means", "answer.weight"], ["/answer/product"], "/answer/MatMul"),
        node("Add", ["/answer/product", "answer.bias"], ["/answer/logit"], "/answer/Add"),
        node("Add", ["/aligned/last", "/answer/logit"], ["aligned"], "/aligned/Sum")])
    arrays = {"weight": weights.astype(np.float32)[:, None], "bias": np.array([bias], dtype=np.float32)}
    graph.initializer.extend(numpy_helper.from_array(a, f"answer.{name}") for name, a in arrays.items())
    mean = next(n for n in graph.node if n.name == "/Div").output[0]
    for n in graph.node:
        for names in (n.input, n.output):
            names[:] = ["pooled" if name == mean else name for name in names]
    graph.output.append(helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["batch", len(weights) // len(LAYERS)]))
    onnx.checker.check_model(proto, full_check=True)


def main():
    """Writes the model file with the look, and prints figures."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--encoder", required=True, help="MiniLM, weight-only int8 ONNX")
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--model", required=True, help="the file that `export.py` wrote")
    p.add_argument("--work", type=Path, required=True, help="a folder for the states, which take minutes")
    p.add_argument("--out", required=True)
    args = p.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    items = None

    def states(encoder):
        nonlocal items
        items = items or texts(args.data, Tokenizer.from_file(args.tokenizer))
        out = {}
        for name, found in items.items():
            means, last = answer_means(encoder, found)
            out |= {name: means.astype(np.float16), f"{name}_last": last.astype(np.float16)}
        return out

    proto = onnx.load(args.model)
    start = kept(args.work / "start.npz", lambda: states(from_weight_only_onnx(args.encoder)))
    tuned = kept(args.work / "tuned.npz", lambda: states(from_shipped_onnx(args.model).encoder))
    start, tuned = ({n: m.astype(np.float32) for n, m in d.items()} for d in (start, tuned))
    d = differences(start["hh_train"])
    right = [(d[test] @ preference(d[train]) > 0).mean() for seed in range(3)
             for train, test in KFold(5, shuffle=True, random_state=seed).split(d)]
    print(f"MiniLM, layer {SOURCE}: {np.mean(right):.3f} of the training pairs in order, by cross-validation")
    direction = preference(d)
    weights, bias = carried_over(start, tuned, direction)
    tensors = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
    look = {n: tuned[n][:, LAYERS].reshape(len(tuned[n]), -1) @ weights + bias for n in start if not n.endswith("_last")}
    # Neither side of even, on answers of both kinds: the logit keeps its meaning.
    middle, spread = look["sides_dev"].mean(), look["sides_dev"].std()
    look, bias = {n: found - middle for n, found in look.items()}, bias - middle
    own = {n: tuned[f"{n}_last"] @ tensors["aligned.weight_Transposed"][:, 0] + tensors["aligned.bias"][0] for n in look}
    both = lambda name, weight: own[name] + weight / spread * look[name]
    in_order = lambda x: int((x[0::2] > x[1::2]).sum())
    area = lambda x: roc_auc_score(np.tile([1, 0], len(x) // 2), x)
    weight = max((w for w in range(1, 9) if area(both("sides_dev", w)) >= LEAST_AREA), default=0)
    print(f"weight {weight}")
    for split in ("dev", "test"):
        hh, sides = f"hh_{split}", f"sides_{split}"
        print(f"{split}: of {len(look[hh]) // 2} pairs in order {in_order(start[hh][:, SOURCE] @ direction)} by MiniLM, {in_order(look[hh])} by the "
              f"look, {in_order(own[hh])} by the inspector before, {in_order(both(hh, weight))} now; toxic and neutral answers "
              f"{area(own[sides]):.3f} before, {area(both(sides, weight)):.3f} now")
    attach(proto, weights * weight / spread, bias * weight / spread)
    onnx.save(proto, args.out)


if __name__ == "__main__":
    main()
