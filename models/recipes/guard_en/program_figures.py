"""How well harm is found by the program, with its own arithmetic and its look for disguises, where `evaluate.py` asks the model file
through ONNX Runtime. Prints JSON: figures and counts, never a text."""

import argparse
import json

import numpy as np

import data
from canonical import canonical
from evaluate import COLUMN, area, by_source, share
from program import answers


def main():
    """Prints the figures."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("program", help="trueline")
    p.add_argument("--data", required=True)
    p.add_argument("--arguments", nargs="*", default=["--pack", "guard-en"], help="what the program is told besides")
    args = p.parse_args()
    ask = lambda texts: answers(args.program, args.arguments, texts)
    wanted = {"moderation-eval", "surge-toxicity", "toxigen-seeds", "davidson-tweets", "paradetox", "pi-slabs", "pi-neuralchemy",
              "jailbreak-inthewild", "benign-prompts"}
    rows = [r for r in data.load(args.data)["test"] if r.source in wanted]
    scores, passed = ask([r.text for r in rows])
    figures = {"sets": by_source(rows, scores)}
    benign = np.array([r.source == "benign-prompts" for r in rows])
    figures["benign-prompts held out"] = share(~passed[benign])
    every = [r["text"] for r in data.read(args.data, "benign-prompts")]
    figures["benign-prompts, all"] = share(~ask([canonical(t) for t in every])[1])
    check = data.read(args.data, "hatecheck")
    hate = ask([r["text"] for r in check])[0][:, COLUMN["hate"]]
    figures["hatecheck"] = {"auroc": area(np.array([int(r["label"]) for r in check]), hate), "rows": len(check)}
    safe = [r["text"] for r in data.read(args.data, "xstest") if not int(r["label"])]
    figures["xstest, safe prompts"] = share(~ask(safe)[1])
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
