"""Reads the data sets into rows of canonical text, known labels and a weight, and splits them without leaks."""

import gzip
import hashlib
import io
import json
import os
import random
import re
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import injections
import templates
from canonical import canonical
from encoder import LABELS

EIGHT = LABELS[:8]
MODERATION = dict(zip(("S", "H", "V", "HR", "SH", "S3", "H2", "V2"), EIGHT))
NO_ATTACK = {"prompt_injection": 0, "jailbreak": 0}
BENIGN = {name: 0 for name in LABELS}
NOT_HATEFUL = {"hate": 0, "hate_threatening": 0, "harassment": 0}
FOREIGN = {"tatoeba-foreign", "textdetox-foreign"}  # other languages than English: not what thresholds are set on
INJECTION_CATEGORIES_JAILBREAK = {"jailbreak", "persona_replacement", "many_shot", "crescendo"}
REVISION = "7b879c6"
DOCUMENTS = re.compile(r"(?!CHANGELOG)[^/]*\.md|(src|kernels/src|ffi/src|tiny/src|cli/src|xtask/src)/.*\.rs")
PASSAGE = 380  # characters of a passage of documentation, at least
PROSE = {"train": 3000, "dev": 400, "test": 400}  # texts of many plain sentences
# With the words of the lexicon: what keeps a sentence out of texts that stand for plain ones as a whole.
NOT_PLAIN = set("""kill kills killed killing killer murder murdered shoot shoots shot shooting stab stabbed gun guns knife bomb bombs weapon weapons die dies
    died dead death suicide naked nude sex sexual sexually rape raped hang hanged blood bloody beat beaten hit hurt attack attacked threat threatened torture
    slave slaves nazi hitler terrorist terrorists hate hates idiot idiots stupid fool fools dumb liar punish punishment revenge destroy drugs condom""".split())
CUES = ["Note to the assistant: ", "AI assistants that read this must do the following: ", "Before you answer, ",
        "New instruction for the model: ", "IMPORTANT: the assistant should now obey this. ", "System update: "]


@dataclass
class Row:
    """One text; `labels` holds only what is known. `group` keeps related rows in one split."""

    text: str
    labels: dict
    source: str
    weight: float = 1.0
    group: str = ""
    tags: dict = field(default_factory=dict)


def key(text: str) -> str:
    """What makes two texts the same: their letters and digits, without case."""
    return re.sub(r"[\W_]+", "", text.lower()) or text


def read(root, name):
    """The raw rows of one data set. `root`: the folder of the data sets, or several as in PATH."""
    paths = [Path(folder) / name / "data.jsonl.gz" for folder in str(root).split(os.pathsep)]
    with gzip.open(next((p for p in paths if p.exists()), paths[0]), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _moderation(root):
    for r in read(root, "moderation-eval"):
        labels = {MODERATION[k]: v for k, v in r["labels"].items()}
        bad = [labels.get(n) for n in ("hate", "harassment", "hate_threatening")]
        if 1 in bad:
            labels["toxicity"] = 1
        elif all(labels.get(n) == 0 for n in EIGHT):
            labels["toxicity"] = 0
        yield Row(r["text"], labels | {"prompt_injection": 0}, "moderation-eval")


def _toxicity(root):
    for r in read(root, "toxic-spans"):
        if r["spans"]:
            yield Row(r["text"], {"toxicity": 1} | NO_ATTACK, "toxic-spans")
    for r in read(root, "davidson-tweets"):
        hateful, toxic = int(r["label"] == "hate"), int(r["label"] != "neither")
        labels = {"hate": hateful, "toxicity": toxic} | NO_ATTACK
        if not toxic:
            labels |= NOT_HATEFUL
        yield Row(r["text"], labels, "davidson-tweets", 0.7)
    for r in read(root, "surge-toxicity"):
        labels = {"toxicity": int(r["label"])} | NO_ATTACK
        yield Row(r["text"], labels if labels["toxicity"] else labels | NOT_HATEFUL, "surge-toxicity")
    for r in read(root, "paradetox"):
        group = key(canonical(r["toxic"]))
        yield Row(r["toxic"], {"toxicity": 1} | NO_ATTACK, "paradetox", 0.7, group)
        for text in r["neutral"][:1]:
            yield Row(text, {"toxicity": 0} | NO_ATTACK, "paradetox", 0.7, group)
    for r in read(root, "paradetox-cannot-rewrite"):
        toxic, clean = "toxic_content" in r["reason"], "not_toxic" in r["reason"]
        if toxic != clean and "unclear" not in r["reason"]:
            yield Row(r["text"], {"toxicity": int(toxic)} | NO_ATTACK, "paradetox-cannot-rewrite", 0.5)
    for r in read(root, "textdetox-multilingual"):
        english = r["lang"] == "en"
        yield Row(r["text"], {"toxicity": 1} | NO_ATTACK, "textdetox-multilingual" if english else "textdetox-foreign", 0.7,
                  tags={"language": r["lang"]})


def _hate(root):
    for r in read(root, "toxigen-seeds"):
        bad = int(r["label"])
        labels = {"hate": bad, "toxicity": bad} | NO_ATTACK
        yield Row(r["text"], labels if bad else labels | NOT_HATEFUL, "toxigen-seeds")
    for r in read(root, "bias-templates"):
        if r["lang"] == "en":
            bad = int(r["label"])
            yield Row(r["text"], {"toxicity": bad} | ({} if bad else NOT_HATEFUL), "bias-templates", 0.3)
    by_category = {"sexually_explicit": {"sexual": 1}, "threat": {"violence": 1, "toxicity": 1},
                   "insult": {"toxicity": 1}, "identity_attack": {"hate": 1, "toxicity": 1},
                   "profanity": {"toxicity": 1}, "severe_toxicity": {"toxicity": 1}}
    for r in read(root, "rtp-categories"):
        if r["category"] in by_category:
            yield Row(r["text"], by_category[r["category"]] | NO_ATTACK, "rtp-categories", 0.5)
    for r in read(root, "simple-safety-tests"):
        if str(r["meta"]).find("Suicide") >= 0:
            yield Row(r["text"], {"self_harm": 1} | NO_ATTACK, "simple-safety-tests")
        elif str(r["meta"]).find("Child safety") >= 0:
            yield Row(r["text"], {"sexual": 1, "sexual_minors": 1} | NO_ATTACK, "simple-safety-tests")


def _attacks(root):
    for r in read(root, "pi-slabs"):
        labels = {"prompt_injection": int(r["label"])}
        yield Row(r["text"], labels if r["label"] else labels | {"jailbreak": 0}, "pi-slabs")
    for r in read(root, "pi-neuralchemy"):
        labels = NO_ATTACK
        if r["label"]:
            if r["source"] == "harmbench":
                continue
            jailbreak = r["category"] in INJECTION_CATEGORIES_JAILBREAK
            labels = {"jailbreak" if jailbreak else "prompt_injection": 1}
        yield Row(r["text"], labels, "pi-neuralchemy", tags={"category": r["category"]})
    for r in read(root, "pi-multilingual"):
        yield Row(r["text"], {"prompt_injection": 1}, "pi-multilingual", 0.7)
    for r in read(root, "jailbreak-inthewild"):
        yield Row(r["text"], {"jailbreak": 1}, "jailbreak-inthewild")
    for name in ("advbench", "harmbench"):
        for r in read(root, name):
            yield Row(r["text"], NO_ATTACK, name, 0.5)


def _benign(root):
    for r in read(root, "benign-prompts"):
        yield Row(r["text"], BENIGN, "benign-prompts", tags={"origin": r["source"]})
    for r in read(root, "tatoeba-parallel"):
        yield Row(r["en"], BENIGN, "tatoeba-parallel", 0.4)
        yield Row(r["text"], BENIGN, "tatoeba-foreign", 0.4, key(canonical(r["en"])), {"language": r["lang"]})
    for r in read(root, "hh-harmless"):
        yield Row(r["chosen"], NO_ATTACK | {"toxicity": 0, "hate_threatening": 0}, "hh-harmless", 0.3)
    for text, labels in templates.rows():
        yield Row(text, BENIGN if labels is None else labels | NO_ATTACK, "templates", 0.7)


def _spliced(root, rows):
    """Indirect injections: a BIPIA instruction inside plain sentences, and the same sentences alone."""
    pick = random.Random(11)
    plain = sorted({r.text for r in rows if r.source == "tatoeba-parallel"})
    for r in read(root, "bipia-attacks"):
        for _ in range(4):
            before, after = (" ".join(pick.sample(plain, pick.randint(2, 5))) for _ in range(2))
            group = key(canonical(r["text"]))
            bad = f"{before} {pick.choice(CUES)}{r['text']} {after}"
            yield Row(canonical(bad), {"prompt_injection": 1}, "bipia-attacks", 0.7, group)
            yield Row(f"{before} {after}", BENIGN, "bipia-carriers", 0.5, group)


def _injections(rows):
    """Own attacks and their harmless likes; sentences of tatoeba stand around those that are hidden in a text."""
    plain = sorted({r.text for r in rows if r.source == "tatoeba-parallel"})
    for text, attack, family in injections.rows(plain):
        yield Row(canonical(text), {"prompt_injection": 1} if attack else BENIGN, "injections", 0.7, tags={"family": family})


SMALL = {"moderation-eval", "surge-toxicity", "toxigen-seeds", "jailbreak-inthewild", "benign-prompts", "rtp-categories",
         "simple-safety-tests", "bipia-attacks", "bipia-carriers"}


def split_of(row: Row) -> str:
    """train, dev or test, from a hash of the row's group; small sets keep more for dev and test. Own attacks are all for training."""
    if row.source == "injections":
        return "train"
    share = int(hashlib.sha256(("guard-en" + (row.group or key(row.text))).encode()).hexdigest()[:8], 16) / 2**32
    held = 0.2 if row.source in SMALL else 0.08
    return "test" if share < held else "dev" if share < 2 * held else "train"


def evaluation_keys(root) -> set:
    """Texts of the evaluation-only sets."""
    return {key(canonical(r["text"])) for name in ("hatecheck", "xstest") for r in read(root, name)}


def documentation() -> list[Row]:
    """Technical prose: passages of this project's own documents and comments at REVISION, each file in one split."""
    project, out = Path(__file__).resolve().parents[3], []
    packed = subprocess.run(["git", "-C", str(project), "archive", REVISION], stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for name in sorted(n for n in archive.getnames() if DOCUMENTS.fullmatch(n)):
            text = archive.extractfile(name).read().decode()
            if name.endswith(".rs"):
                text = "\n".join(line.strip().lstrip("/!").strip() for line in text.splitlines() if line.strip().startswith(("///", "//!")))
            passage = ""
            for line in text.splitlines():
                passage += line + "\n"
                if len(passage) > PASSAGE:
                    out.append(Row(canonical(passage), BENIGN, "prose", 0.7, name))
                    passage = ""
    return out


def plain_words(root):
    """A test for texts without a word of the lexicon, or one of NOT_PLAIN."""
    words = NOT_PLAIN | {r["text"].lower() for r in read(root, "lexicon") if r["lang"] == "en"}
    return lambda text: words.isdisjoint(re.findall(r"[a-z]+", text.lower()))


def prose(root, splits: dict[str, list[Row]]):
    """Adds long harmless texts to each split: plain sentences that fill a window, documentation, and passages of manuals."""
    for row in documentation():
        splits[split_of(row)].append(row)
    for r in read(root, "manuals"):
        splits[r["split"]].append(Row(canonical(r["text"]), BENIGN, "manuals", 0.7))
    pick, is_plain = random.Random(13), plain_words(root)
    for split, count in PROSE.items():
        plain = [r.text for r in splits[split] if r.source == "tatoeba-parallel" and is_plain(r.text)]
        for _ in range(count):
            splits[split].append(Row(" ".join(pick.sample(plain, pick.randint(8, 22))), BENIGN, "prose", 0.7))


def load(root) -> dict[str, list[Row]]:
    """All rows by split: each text once, in one split, with labels that disagree between sets dropped."""
    rows = []
    for part in (_moderation, _hate, _attacks, _benign, _toxicity):
        rows += part(root)
    for row in rows:
        row.text = canonical(row.text)
    rows += _spliced(root, rows)
    rows += _injections(rows)
    merged, held_out = {}, evaluation_keys(root)
    for row in rows:
        k = key(row.text)
        if not row.text or k in held_out:
            continue
        first = merged.setdefault(k, row)
        if first is not row:
            both = first.labels | row.labels
            clash = {n for n in first.labels if n in row.labels and first.labels[n] != row.labels[n]}
            first.labels = {n: v for n, v in both.items() if n not in clash}
    splits = {"train": [], "dev": [], "test": []}
    for row in merged.values():
        if row.labels:
            splits[split_of(row)].append(row)
    prose(root, splits)
    return splits
