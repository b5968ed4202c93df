"""Scores by the program: its own arithmetic, which is exact in int8 on every CPU. ONNX Runtime's products of u8 and s8 saturate where a
CPU has no VNNI, and scores move by as much as 0.1 there."""

import json
import subprocess

import numpy as np

from encoder import LABELS


def answers(program: str, arguments: list[str], texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Scores [texts, labels] of the `guard` command with these arguments, and whether each text is let through. A text that cannot be
    judged scores 1."""
    lines = "".join(json.dumps({"text": t}) + "\n" for t in texts)
    command = [program, "guard", "--jsonl", "--quiet", *arguments]
    ran = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    if len(found) != len(texts):
        raise SystemExit(f"{len(found)} answers to {len(texts)} texts: {ran.stderr[-300:]}")
    scores = np.array([[f.get("categories", {}).get(n, 1.0) for n in LABELS] for f in found])
    return scores, np.array([f.get("action") == "allow" for f in found])
