"""Prints the tables of the card from `metrics.json`, so that no figure is copied by hand."""

import argparse
import json
from pathlib import Path


def rate(entry: dict) -> str:
    """“0.95 (19/20)”."""
    return f"{entry['rate']:.3f} ({entry['flagged']}/{entry['of']})"


def table(head: list[str], rows: list[list]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def labels(figures: dict) -> str:
    """Ranking and recall by label."""
    head = ["label", "positives / negatives", "AUROC", "AUPRC", "recall at 1 % FPR", "recall at 0.1 % FPR",
            "recall at the threshold", "false alarms at the threshold"]
    return table(head, [[name, f"{e['positives']} / {e['negatives']}", e["auroc"], e["auprc"], rate(e["recall_at_1_percent"]),
                         rate(e["recall_at_0.1_percent"]), rate(e["recall_at_threshold"]),
                         rate(e["false_alarms_at_threshold"])] for name, e in figures["labels"].items()])


def sets(figures: dict) -> str:
    """Figures by data set, false alarms, HateCheck and XSTest."""
    rows = []
    for name, e in figures["sets"].items():
        if name == "moderation-eval":
            parts = ", ".join(f"{k} {v['auprc']:.3f} ({v['positives']}/{v['of']})" for k, v in e.items() if k != "mean")
            rows += [["moderation-eval, mean AUPRC of the categories with positives", e["mean"]], ["by category", parts]]
        else:
            rows.append([f"{name}, AUROC", f"{e['auroc']} ({', '.join(f'{v} {k}' for k, v in e.items() if k != 'auroc')})"])
    h = figures["hatecheck"]
    rows += [["HateCheck, AUROC of `hate`", f"{h['auroc']} ({h['rows']} rows)"],
             ["HateCheck, recall and false alarms of `hate` at the threshold", f"{rate(h['recall'])}, {rate(h['false_alarms'])}"]]
    for name, e in figures["false_alarms_any_label"].items():
        rows.append([f"flagged for any label: {name}", rate(e)])
    x = figures["xstest_safe"]
    rows.append(["flagged for any label: XSTest safe prompts", rate(x["any"])])
    rows.append(["of these by label", ", ".join(f"{k} {v}" for k, v in x.items() if k != "any")])
    return table(["what", "figure"], rows)


def hatecheck(figures: dict) -> str:
    """The functionalities of HateCheck, worst first."""
    rows = [[k, f"{v['right']}/{v['of']}"] for k, v in figures["hatecheck"]["right_by_functionality"].items()]
    return table(["functionality", "right"], rows)


def evasion(figures: dict) -> str:
    """Recall on altered text."""
    e = figures["evasion"]
    rows = [[k, rate(e[k]["on"]), rate(e[k]["off"])] for k in ("clean", "one space", "zero width")]
    last = e["in the last window"]
    return (table(["text", "canonical text", "as it is"], rows)
            + f"\nSame short texts alone: {rate(last['alone'])}; after long plain text: {rate(last['after long plain text'])}.\n")


def main():
    """Prints all tables."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("metrics", type=Path)
    figures = json.loads(p.parse_args().metrics.read_text())
    for part in (labels, sets, hatecheck, evasion):
        print(part(figures))
    print(figures["int8_against_f32"])


if __name__ == "__main__":
    main()
