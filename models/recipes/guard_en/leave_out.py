"""How well prompt injections of a source are found when nothing of that source was learnt from: encoder and look are trained anew without
it, for prompt injection alone, and judge its rows. Prints one line a source; never a text."""

import argparse
import random
import time

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer

import batches as b
import data
import disguise
import look
from encoder import LABELS, Config, Guard, from_weight_only_onnx, round_word_embedding
from sentences import pieces
from train import loss_of, optimiser_of, positive_weights, rate_factor

COLUMN = LABELS.index("prompt_injection")
# A source with what stands beside it: the carriers are made of the attacks' sentences.
SOURCES = {"pi-slabs": (), "pi-neuralchemy": (), "pi-multilingual": (), "bipia-attacks": ("bipia-carriers",)}
BENIGN = ("benign-prompts", "tatoeba-foreign")  # where a source has no benign rows: held-out rows of these
MOST = 1500
LOOKED = {"train": 14000, "prose": 5000, "pieces": 12000}  # rows that the look learns from, besides the own attacks
WEIGHTS = (0.0, 1.0, 2.0, 4.0, 8.0, None)  # of the look beside the head; none: the look alone
SEED = 20261129


def known(rows: list[data.Row]) -> list[data.Row]:
    """Those that say whether they are an injection, with that label alone."""
    kept = []
    for r in rows:
        if "prompt_injection" in r.labels:
            kept.append(data.Row(r.text, {"prompt_injection": r.labels["prompt_injection"]}, r.source, r.weight, r.group, r.tags))
    return kept


def looked_at(rows: list[data.Row], tokenizer: Tokenizer) -> dict[str, list[data.Row]]:
    """What the look learns from: some of the rows, all own attacks, disguised copies, and sentences of harmless texts."""
    kept, pick = look.chosen({"train": rows}, tokenizer), random.Random(SEED)
    few = {kind: pick.sample(kept[kind], min(most, len(kept[kind]))) for kind, most in LOOKED.items()}
    before = few["train"] + kept["own"]
    changed = [new for old, new in zip(before, disguise.rows(before, SEED)) if new.text != old.text]
    return few | {"own": kept["own"], "changed": changed}


def judged(model, net, scale, tokenizer, rows: list[data.Row]) -> np.ndarray:
    """[weights, rows]: the largest score over the windows and sentences of each row, by head and look with each of WEIGHTS."""
    ids, owner = [], []
    for i, (row, e) in enumerate(zip(rows, tokenizer.encode_batch([r.text for r in rows], add_special_tokens=False))):
        for start, end in b.windows(len(e.ids)) + pieces(row.text, e.offsets):
            ids.append([101, *e.ids[start:end], 102])
            owner.append(i)
    states = look.means(model.encoder, ids)
    with torch.no_grad():
        own = model.head(torch.tensor(states[:, -1].astype(np.float32)))[:, COLUMN].numpy()
        second = net(scale.of(states))[:, 0].numpy()
    out = np.full((len(WEIGHTS), len(rows)), -np.inf)
    for row, weight in zip(out, WEIGHTS):
        np.maximum.at(row, owner, look.joined(own, second, weight)[0])
    return out


def without(args, splits: dict, names: tuple[str, ...]) -> Guard:
    """A guard that has not seen these sources."""
    torch.manual_seed(SEED)
    tokenizer = Tokenizer.from_file(args.tokenizer)
    # As the encoder that ships: long texts are for the look alone.
    rows = [r for r in known(splits["train"]) if r.source not in (*names, "prose", "manuals")]
    pos_weight = positive_weights(b.examples(tokenizer, rows))
    model = Guard(Config())
    model.encoder = from_weight_only_onnx(args.encoder)
    round_word_embedding(model.encoder)
    optimiser = optimiser_of(model, args.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: rate_factor(s, args.steps, args.steps, 1))
    model.train()
    step, epoch = 0, 0
    while step < args.steps:
        changed = disguise.rows(rows, SEED + epoch)
        for batch in b.batches(b.epoch(b.examples(tokenizer, changed), SEED + epoch), args.tokens, SEED + epoch):
            if step == args.steps:
                break
            optimiser.zero_grad()
            loss_of(model, batch, pos_weight).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
        epoch += 1
    return model.eval()


def shown(areas) -> dict:
    """Areas by the weight of the look."""
    return {"look alone" if w is None else w: round(float(a), 4) for w, a in zip(WEIGHTS, areas)}


def main():
    """Prints the area under the curve of each source, and their mean."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True)
    p.add_argument("--encoder", required=True, help="MiniLM, weight-only int8 ONNX")
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--sources", nargs="*", choices=SOURCES, help="some of them; all unless given")
    p.add_argument("--steps", type=int, default=200)
    p.add_argument("--tokens", type=int, default=1536)
    p.add_argument("--rate", type=float, default=5e-5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--bf16", action="store_true", help="products in bf16, which some CPUs have units for")
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    products = torch.autocast("cpu", torch.bfloat16, enabled=args.bf16)
    splits, tokenizer = data.load(args.data), Tokenizer.from_file(args.tokenizer)
    untouched, found = from_weight_only_onnx(args.encoder), []
    for source in args.sources or SOURCES:
        started, names = time.time(), (source, *SOURCES[source])
        rows = [r for part in splits.values() for r in known(part) if r.source in names]
        if not any(r.labels["prompt_injection"] == 0 for r in rows):
            rows += [r for part in ("dev", "test") for r in known(splits[part]) if r.source in BENIGN]
        random.Random(SEED).shuffle(rows)
        rows = rows[:MOST]
        with products:
            model = without(args, splits, names)
        examples = look.Examples(tokenizer, looked_at([r for r in known(splits["train"]) if r.source not in names], tokenizer))
        with products:
            start, tuned = ({s: look.means(encoder, [e[0] for e in items]) for s, items in examples.items.items()}
                            for encoder in (untouched, model.encoder))
        lesson = look.Lesson(examples, start, tuned)
        net, scale = lesson.injections(), lesson.scale
        answers = np.array([r.labels["prompt_injection"] for r in rows])
        found.append([roc_auc_score(answers, said) for said in judged(model, net, scale, tokenizer, rows)])
        print(f"{source}: AUROC by weight {shown(found[-1])}; {answers.sum()} injections and {len(rows) - answers.sum()} others, "
              f"{time.time() - started:.0f} s", flush=True)
    print("mean", shown(np.mean(found, axis=0)))


if __name__ == "__main__":
    main()
