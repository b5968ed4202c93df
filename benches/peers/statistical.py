"""`trueline align train` and its table beside eflomal: the same bitext, one core, CPU seconds and the error of the links.

    python statistical.py TRUELINE SHARED [--out FILE.md] [--rounds 5] [--copies 1]

Needs eflomal 2.0.0 (PyPI; it builds C), and SHARED/data. Two bitexts: all of tatoeba-parallel as one, for speed; and the Japanese-English
gold pairs alone, for the alignment error rate (Och and Ney), with the diagonals of both directions grown by the same code
(ours, by Koehn's grow-diag-final-and). CPU seconds are those of the child processes, so that other work on the machine adds little.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

EFLOMAL = """
import sys, eflomal
with open(sys.argv[1], encoding="utf-8") as s, open(sys.argv[2], encoding="utf-8") as t:
    eflomal.Aligner(n_samplers=int(sys.argv[5])).align(s, t, links_filename_fwd=sys.argv[3], links_filename_rev=sys.argv[4])
"""
NEIGHBOURS = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]


def cpu(command, **options):
    """Runs a command and returns its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, stderr=subprocess.PIPE, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done


def grown(forward, reverse):
    """grow-diag-final-and of two sets of links, as the Moses script has it."""
    union, links = forward | reverse, forward & reverse
    free = lambda side, at: all(link[side] != at for link in links)
    grew = True
    while grew:
        grew = False
        for i, j in sorted(links):
            for di, dj in NEIGHBOURS:
                new = (i + di, j + dj)
                if new in union and new not in links and (free(0, new[0]) or free(1, new[1])):
                    links.add(new)
                    grew = True
    for side in (forward, reverse):
        for new in sorted(side):
            if free(0, new[0]) and free(1, new[1]):
                links.add(new)
    return links


def read(line):
    return {tuple(map(int, link.split("-"))) for link in line.split()}


def error_rate(found, gold):
    """AER; a gold link is `i-j` if sure and `ipj` if possible, from 1."""
    hits = possible_hits = sizes = sures = 0
    for links, line in zip(found, gold):
        sure = {tuple(int(x) - 1 for x in link.split("-")) for link in line.split() if "-" in link}
        possible = sure | {tuple(int(x) - 1 for x in link.split("p")) for link in line.split() if "p" in link}
        hits += len(links & sure)
        possible_hits += len(links & possible)
        sizes += len(links)
        sures += len(sure)
    return 1 - (hits + possible_hits) / (sizes + sures)


def ours(program, pairs, folder, rounds):
    """Seconds to train and to align, and the links."""
    bitext, table = folder / "bitext", folder / "table"
    bitext.write_text("".join(f"{s} ||| {t}\n" for s, t in pairs), encoding="utf-8")
    train, _ = cpu([program, "--quiet", "align", "train", str(bitext), "--output", str(table), "--rounds", str(rounds)])
    with open(bitext, "rb") as given:
        use, done = cpu([program, "align", "words", "--table", str(table)], stdin=given, stdout=subprocess.PIPE)
    return train + use, [read(line) for line in done.stdout.decode().splitlines()]


def theirs(pairs, folder, samplers):
    """As `ours`."""
    files = [str(folder / name) for name in ("s", "t", "forward", "reverse")]
    for side in range(2):
        Path(files[side]).write_text("".join(pair[side] + "\n" for pair in pairs), encoding="utf-8")
    # What Python itself takes is not theirs.
    empty, _ = cpu([sys.executable, "-c", "import eflomal"])
    seconds, _ = cpu([sys.executable, "-c", EFLOMAL, *files, str(samplers)])
    both = [[read(line) for line in Path(file).read_text().splitlines()] for file in files[2:]]
    return seconds - empty, [grown(a, b) for a, b in zip(*both)]


def main():
    """Prints a table, and writes it."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("trueline")
    p.add_argument("shared", type=Path)
    p.add_argument("--out", type=Path)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--copies", type=int, default=1)
    args = p.parse_args()
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    os.environ["OMP_NUM_THREADS"] = "1"
    data = args.shared / "data"
    with gzip.open(data / "tatoeba-parallel/data.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    words = lambda text: " ".join(text.split())
    large = [(words(r["text"]), words(r["en"])) for r in rows] * args.copies
    small = [tuple(words(side) for side in line.split("|||"))
             for line in (data / "word-alignment/awesome-jaen.text.txt").read_text(encoding="utf-8").splitlines()]
    gold = (data / "word-alignment/awesome-jaen.gold.txt").read_text().splitlines()
    info = Path("/proc/cpuinfo").read_text().splitlines()
    name = next(line.split(":")[1].strip() for line in info if "model name" in line)
    out = [f"{name}, one core; eflomal {metadata.version('eflomal')}; CPU seconds, words of both sides.", "",
           "| bitext | pairs | words | program | seconds | words a second | AER |", "| --- | --- | --- | --- | --- | --- | --- |"]
    languages = len({row["lang"] for row in rows})
    for title, pairs in ((f"tatoeba-parallel, {languages} languages", large), ("Japanese-English gold", small)):
        count = sum(len(side.split()) for pair in pairs for side in pair)
        runs = [(f"trueline, {args.rounds} rounds", lambda f: ours(args.trueline, pairs, f, args.rounds)),
                ("eflomal, 1 sampler", lambda f: theirs(pairs, f, 1)),
                ("eflomal, 3 samplers (its default)", lambda f: theirs(pairs, f, 3))]
        for program, run in runs:
            with tempfile.TemporaryDirectory() as folder:
                seconds, links = run(Path(folder))
            assert len(links) == len(pairs), (program, len(links))
            rate = f"{error_rate(links, gold):.3f}" if pairs is small else "-"
            out.append(f"| {title} | {len(pairs)} | {count} | {program} | {seconds:.2f} | {count / seconds:,.0f} | {rate} |")
    text = "\n".join(out) + "\n"
    print(text, end="")
    if args.out:
        args.out.write_text("# Statistical aligners\n\n" + text)


if __name__ == "__main__":
    main()
