"""Does the Retrieve head know questions, or the sources that they come from?

    python leave_out.py --examples FILE.jsonl --out FILE.json [--rows 5000] [--threads 1]

For each source a small critic is fitted on the Retrieve rows of all other sources and asked about the source that it
has never seen. What is printed is the share of its rows that are said rightly at one half. Where no other source is of the same
kind it falls when the head knew the source, not the question.
"""

import argparse
import collections
import json
import random

import torch
import torch.nn.functional as F

from model import base_model
from train import batches, read, tensors


def fit(rows, rng, threads):
    torch.set_num_threads(threads)
    model = base_model()
    model.words.weight.requires_grad = False
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    work = list(batches(rows, rng, 1.0))
    rng.shuffle(work)
    for step, batch in enumerate(work):
        for group in optimizer.param_groups:
            group["lr"] = 1e-4 * min((step + 1) / 20, max(0.05, 1 - step / len(work)))
        ids, mask, types, features = tensors(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            pooled = model.encode(ids, mask, types)
        labels = torch.tensor([float(row["label"]) for row in batch])
        weights = torch.tensor([float(row["weight"]) for row in batch])
        each = F.binary_cross_entropy_with_logits(model.heads["retrieve"](pooled, features)[:, 0], labels, reduction="none")
        optimizer.zero_grad()
        ((each * weights).sum() / weights.sum()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


@torch.no_grad()
def right(model, rows) -> float:
    hits = 0
    for start in range(0, len(rows), 64):
        part = rows[start : start + 64]
        ids, mask, types, features = tensors(part)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            pooled = model.encode(ids, mask, types)
        said = model.heads["retrieve"](pooled, features)[:, 0] > 0
        hits += sum(bool(yes) == (row["label"] == 1) for yes, row in zip(said, part))
    return hits / len(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--rows", type=int, default=5000, help="rows to fit on, at most; the left-out ones are at most 500")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    rows = read(options.examples)["train", "retrieve"]
    found = {}
    for source in sorted(collections.Counter(row["source"] for row in rows)):
        rng = random.Random(1)
        others = [row for row in rows if row["source"] != source]
        own = [row for row in rows if row["source"] == source]
        model = fit(rng.sample(others, min(options.rows, len(others))), rng, options.threads)
        asked = rng.sample(own, min(500, len(own)))
        found[source] = {"n": len(asked), "label": "yes" if own[0]["label"] == 1 else "no", "right": round(right(model, asked), 3)}
        print(source, found[source], flush=True)
    with open(options.out, "w") as file:
        json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
