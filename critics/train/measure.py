"""What each part of the network is worth, on dev: the text, the features, and every single feature.

    python measure.py --run FOLDER --examples FILE.jsonl [--out FILE.json] [--limit 0] [--threads 1] [--seed 1]

For each head the AUROC of one question (POSITIVE) with text and features, with the text alone and with the features
alone: training left either out now and then, so that both can do without the other. Then, with both, how much the AUROC
drops when the values of one feature are shuffled among the examples (mean of ROUNDS seeded shuffles): what hangs on it
alone. Features that say nearly the same can each be shuffled without harm. Intervals are 95%, bootstrap over examples.
The package of the base model prints a line of its own first: read the figures from --out.
"""

import argparse
import json
import pathlib
import re

import numpy as np
import torch

from model import FEATURES_OF, HEADS
from train import auroc, base_model, read, tensors

POSITIVE = {
    "isRel": "relevant", "isSup": "fully, against all others", "isUse": "4 or 5", "retrieve": "yes",
    "entail": "entailment", "equivalent": "equivalent", "sentence": "holds the answer",
}
# As `features` in src/backends/classifier-input.ts lists them: which text is looked for in which.
PAIRS = {
    "isRel": ["question in passage"], "isSup": ["segment in passage", "question in passage"],
    "isUse": ["question in answer"], "retrieve": [], "entail": ["hypothesis in premise", "premise in hypothesis"],
    "equivalent": ["one in other", "other in one"], "sentence": ["question in sentence"],
}
MORE = {"equivalent": ["new words of one in other", "new words of other in one"], "isUse": ["distinct pairs of words"]}
ROUNDS = 5
RESAMPLES = 500


def feature_names(head: str) -> list[str]:
    """The names of the measures stand in src/text/overlap.ts alone."""
    source = pathlib.Path(__file__).parents[2] / "src" / "text" / "overlap.ts"
    block = re.search(r"export const OVERLAP = \[(.*?)\] as const", source.read_text(), re.S)[1]
    measures = re.findall(r"^\s*'(\w+)'", block, re.M)
    names = [f"{pair}: {measure}" for pair in PAIRS[head] for measure in measures] + MORE.get(head, [])
    assert len(names) == FEATURES_OF[head], (head, len(names))
    return names


def is_positive(head: str, labels: np.ndarray) -> np.ndarray:
    return {"isSup": labels == 0, "isUse": labels >= 3, "entail": labels == 2}.get(head, labels == 1)


def score(head: str, outputs: torch.Tensor) -> np.ndarray:
    """One number for each example: higher means more of what POSITIVE says."""
    if head == "isUse":
        return (outputs.exp() * torch.arange(5)).sum(1).numpy()
    if HEADS[head] == 3:
        return torch.softmax(outputs, -1)[:, 2 if head == "entail" else 0].numpy()
    return outputs[:, 0].numpy()


def interval(values) -> list[float]:
    return [round(float(value), 4) for value in np.quantile(values, [0.025, 0.975])]


@torch.no_grad()
def encoded(model, rows):
    """The encoder's output of each row (shorter ones first, so that little is padded), and their features."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]["ids"]))
    pooled, features = [None] * len(rows), [None] * len(rows)
    for start in range(0, len(order), 32):
        part = order[start : start + 32]
        ids, mask, types, lexical = tensors([rows[i] for i in part])
        for i, vector, values in zip(part, model.encode(ids, mask, types), lexical):
            pooled[i], features[i] = vector, values
    return torch.stack(pooled), torch.stack(features)


@torch.no_grad()
def measure(model, head: str, rows, rng: np.random.Generator) -> dict:
    positive = is_positive(head, np.array([row["label"] for row in rows]))
    pooled, features = encoded(model, rows)
    unit, on, off = model.heads[head], torch.ones(len(rows), 1), torch.zeros(len(rows), 1)
    parts = {"both": (on, on), "text": (on, off)} | ({"features": (off, on)} if FEATURES_OF[head] else {})
    scores = {name: score(head, unit(pooled, features, *keep)) for name, keep in parts.items()}
    draws = [d for d in (rng.integers(0, len(rows), len(rows)) for _ in range(RESAMPLES)) if 0 < positive[d].sum() < len(d)]
    found = {name: [auroc(values[d], positive[d]) for d in draws] for name, values in scores.items()}
    whole = auroc(scores["both"], positive)
    drops = {}
    for i, name in enumerate(feature_names(head)):
        rounds = []
        for _ in range(ROUNDS):
            shuffled = features.clone()
            shuffled[:, i] = shuffled[torch.from_numpy(rng.permutation(len(rows))), i]
            rounds.append(whole - auroc(score(head, unit(pooled, shuffled)), positive))
        drops[name] = round(float(np.mean(rounds)), 4)
    return {
        "positive": POSITIVE[head], "n": len(rows), "positives": int(positive.sum()),
        "auroc": {
            name: {"mean": round(auroc(values, positive), 4), "ci95": interval(found[name])}
            for name, values in scores.items()
        },
        # Of both together over one of them alone, on the same examples.
        "gain": {
            f"over {name}": {
                "mean": round(whole - auroc(values, positive), 4),
                "ci95": interval(np.array(found["both"]) - np.array(found[name])),
            }
            for name, values in scores.items() if name != "both"
        },
        "dropWhenShuffled": dict(sorted(drops.items(), key=lambda item: -item[1])),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--examples", required=True)
    parser.add_argument("--out", help="write the figures there too")
    parser.add_argument("--limit", type=int, default=0, help="a seeded sample of so many rows a head; 0 = all of dev")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = read(options.examples)
    model = base_model()
    model.load_state_dict(torch.load(pathlib.Path(options.run) / "model.pt"))
    model.eval()
    figures = {}
    for head in HEADS:
        rng = np.random.default_rng([options.seed, list(HEADS).index(head)])
        some = rows["dev", head]
        if options.limit and options.limit < len(some):
            some = [some[i] for i in rng.choice(len(some), options.limit, replace=False)]
        if some:
            figures[head] = measure(model, head, some, rng)
    text = json.dumps({"split": "dev", "seed": options.seed, "heads": figures}, indent=2)
    print(text)
    if options.out:
        pathlib.Path(options.out).write_text(text + "\n")


if __name__ == "__main__":
    main()
