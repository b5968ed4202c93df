"""Writes sha256 and size of every file that a pack's manifest lists anew: after a card was edited, or a model file that packs share."""

import argparse
import hashlib
import re
from pathlib import Path

ENTRY = re.compile(r'^file = "([^"]+)"\nsha256 = "[0-9a-f]{64}"\nbytes = \d+$', re.MULTILINE)


def stamped(folder: Path) -> int:
    """Rewrites the manifest of one pack; how many files it lists."""
    def facts(found: re.Match) -> str:
        content = (folder / found[1]).read_bytes()
        return f'file = "{found[1]}"\nsha256 = "{hashlib.sha256(content).hexdigest()}"\nbytes = {len(content)}'

    path = folder / "manifest.toml"
    text, n = ENTRY.subn(facts, path.read_text())
    path.write_text(text)
    return n


def main():
    """Command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("packs", nargs="+", type=Path)
    for folder in p.parse_args().packs:
        print(f"{folder}: {stamped(folder)} files")


if __name__ == "__main__":
    main()
