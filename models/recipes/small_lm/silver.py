"""What the edit tagger makes of rough comments: pairs for a corrector to learn from, next to those that people wrote."""

import argparse
import json
import subprocess
from pathlib import Path

import corpus

LONGEST = 240  # characters


def main():
    """Writes a JSON line {"from", "to"} for each training comment that the tagger corrects."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("out", type=Path)
    p.add_argument("--data", required=True)
    p.add_argument("--trueline", required=True, help="the program")
    p.add_argument("--packs", type=Path, required=True, help="the folder of packs")
    args = p.parse_args()
    found = corpus.documents(args.data, "train")
    calm = {text for tone, text in found if tone == corpus.CALM}
    rough = sorted({text for tone, text in found if tone == corpus.ANY and text not in calm and len(text) <= LONGEST and "\n" not in text})
    asked = "".join(json.dumps({"text": text}) + "\n" for i, text in enumerate(rough))
    done = subprocess.run([args.trueline, "correct", "--jsonl", "--pack", args.packs / "corrector-en"],
                          input=asked.encode(), stdout=subprocess.PIPE, check=False).stdout
    n = 0
    with open(args.out, "w") as out:
        for text, line in zip(rough, done.splitlines(), strict=True):
            answer = json.loads(line)
            if answer.get("changed"):
                out.write(json.dumps({"from": text, "to": answer["text"]}) + "\n")
                n += 1
    print(f"{n} of {len(rough)} comments")


if __name__ == "__main__":
    main()
