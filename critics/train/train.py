"""Step 3: fits encoder and heads together.

    python train.py --examples FILE.jsonl --out FOLDER [--epochs 3] [--threads 1] [--minutes 60]

Batches hold examples of one head and nearly one length. A batch of a head that has few examples comes more often
than its share. In training now and then the text or the features are left out, so that each learns to do alone;
that is also how their parts are measured afterwards (measure.py).
"""

import argparse
import collections
import json
import math
import pathlib
import random
import time

import numpy as np
import torch
import torch.nn.functional as F

from model import FEATURES, FEATURES_OF, HEADS, base_model

# Passes over the examples of a head in one epoch, and the weight of its loss.
SHARE = {"isRel": 0.7, "isSup": 1.0, "isUse": 1.5, "retrieve": 0.3, "entail": 1.0, "equivalent": 0.8, "sentence": 2.0}
TOKENS = 4096
LEAVE_OUT = 0.12


def read(path: str):
    rows = collections.defaultdict(list)
    pairs: dict[str, dict] = {}
    with open(path) as lines:
        for line in lines:
            row = json.loads(line)
            if "pair" in row:
                key = row["pair"]
                if key in pairs:
                    other = pairs.pop(key)
                    good, bad = (row, other) if row["label"] == 1 else (other, row)
                    rows[row["split"], "pair"].append((good, bad))
                else:
                    pairs[key] = row
            else:
                rows[row["split"], row["head"]].append(row)
    return rows


def rounded(length: int) -> int:
    """Few different shapes: the kernels of each are prepared once."""
    return (length + 15) // 16 * 16


def tensors(rows):
    length = rounded(max(len(row["ids"]) for row in rows))
    ids = np.zeros((len(rows), length), dtype=np.int64)
    mask = np.zeros_like(ids)
    types = np.zeros_like(ids)
    for i, row in enumerate(rows):
        n = len(row["ids"])
        ids[i, :n] = row["ids"]
        mask[i, :n] = 1
        types[i, row["second"] : n] = 1
    features = np.array([row["features"] for row in rows], dtype=np.float32)
    return *map(torch.from_numpy, (ids, mask, types)), torch.from_numpy(features)


def batches(rows, rng: random.Random, share: float):
    """Examples of nearly one length together; which ones, and in which order, is drawn anew each epoch."""
    chosen = rows * int(share) + rng.sample(rows, int(len(rows) * (share - int(share))))
    chosen.sort(key=lambda row: len(row["ids"]) + rng.uniform(-6, 6))
    batch, longest = [], 0
    for row in chosen:
        longer = max(longest, rounded(len(row["ids"])))
        if batch and len(batch) >= min(64, TOKENS // longer):
            yield batch
            batch, longer = [], rounded(len(row["ids"]))
        batch.append(row)
        longest = longer
    if batch:
        yield batch


def loss_of(head: str, outputs: torch.Tensor, rows, boost: float) -> torch.Tensor:
    labels = torch.tensor([row["label"] for row in rows])
    weights = torch.tensor([float(row["weight"]) for row in rows])
    if HEADS[head] == 1:
        each = F.binary_cross_entropy_with_logits(outputs[:, 0], labels.float(), reduction="none")
    elif head == "isUse":
        each = F.nll_loss(outputs, labels, reduction="none")
    else:
        logs = F.log_softmax(outputs, -1)
        known = labels < HEADS[head]
        each = -logs.gather(1, labels.clamp_max(HEADS[head] - 1)[:, None])[:, 0]
        if not known.all():  # not_full says only that it is not the first label
            rest = -torch.logsumexp(logs[:, 1:], -1)
            each = torch.where(known, each, rest)
        if boost != 1:
            weights = torch.where(labels == 1, weights * boost, weights)  # `partially` is rare
    return (each * weights).sum() / weights.sum()


def drop(count: int, rng: random.Random):
    """For each example 1, or 0 where the text or the features are left out; never both."""
    text, lexical = torch.ones(count, 1), torch.ones(count, 1)
    for i in range(count):
        draw = rng.random()
        if draw < LEAVE_OUT:
            text[i] = 0
        elif draw < 2 * LEAVE_OUT:
            lexical[i] = 0
    return text, lexical


def auroc(scores, labels) -> float:
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    values, starts, counts = np.unique(scores[order], return_index=True, return_counts=True)
    for start, count in zip(starts, counts):
        ranks[order[start : start + count]] = start + (count + 1) / 2
    positives = labels.sum()
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * (len(labels) - positives)))


@torch.no_grad()
def evaluate(model, rows, limit=1200):
    """AUROC of the first label's side on dev, a sample of each head."""
    model.eval()
    found = {}
    for head in HEADS:
        some = rows["dev", head][:limit]
        if not some:
            continue
        scores = []
        for start in range(0, len(some), 32):
            part = some[start : start + 32]
            ids, mask, types, features = tensors(part)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                pooled = model.encode(ids, mask, types)
            outputs = model.heads[head](pooled, features)
            if head == "isSup":
                scores += torch.softmax(outputs, -1)[:, 0].tolist()
            elif head == "entail":
                scores += torch.softmax(outputs, -1)[:, 2].tolist()
            elif head == "isUse":
                scores += (outputs.exp() * torch.arange(5)).sum(1).tolist()
            else:
                scores += outputs[:, 0].tolist()
        labels = np.array([row["label"] for row in some])
        positive = {"isSup": labels == 0, "entail": labels == 2, "isUse": labels >= 4}.get(head, labels == 1)
        found[head] = round(auroc(scores, positive), 4)
    model.train()
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--minutes", type=float, default=0, help="end by then, with the rate falling to zero; 0 = no limit")
    parser.add_argument("--keep", type=int, default=500, help="evaluate and save every so many steps")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    rows = read(options.examples)
    model = base_model()
    model.words.weight.requires_grad = False
    for head in HEADS:
        if FEATURES_OF[head] == 0:
            continue
        values = np.array([row["features"][: FEATURES_OF[head]] for row in rows["train", head]], dtype=np.float32)
        unit = model.heads[head].head if head == "isUse" else model.heads[head]
        unit.mean.copy_(torch.from_numpy(values.mean(0)))
        unit.scale.copy_(torch.from_numpy(1 / np.maximum(values.std(0), 0.05)))
    partial = sum(row["label"] == 1 for row in rows["train", "isSup"])
    boost = {"isSup": min(3.0, 0.15 * len(rows["train", "isSup"]) / max(1, partial))}

    encoder = [p for n, p in model.named_parameters() if p.requires_grad and not n.startswith("heads.")]
    heads = [p for n, p in model.named_parameters() if n.startswith("heads.")]
    optimizer = torch.optim.AdamW(
        [{"params": encoder, "lr": options.rate}, {"params": heads, "lr": 8 * options.rate}], weight_decay=0.01
    )

    def epoch():
        work = [(head, batch) for head in HEADS for batch in batches(rows["train", head], rng, SHARE[head])]
        pairs = rows["train", "pair"] * 2
        work += [("pair", pairs[i : i + 8]) for i in range(0, len(pairs), 8)]
        rng.shuffle(work)
        return work

    queue = epoch()
    total = math.ceil(len(queue) * options.epochs)
    print(f"{total} steps, {len(queue)} an epoch", flush=True)
    started, seen, step, losses = time.time(), 0, 0, collections.defaultdict(list)
    while step < total:
        if not queue:
            queue = epoch()
        head, batch = queue.pop()
        done = step / total  # or the share of the time that is gone, where that is more
        if options.minutes:
            done = max(done, (time.time() - started) / (60 * options.minutes))
        if done >= 1:
            break
        rate = min((step + 1) / 200, max(0.02, 1 - done))
        for group, base in zip(optimizer.param_groups, (options.rate, 8 * options.rate)):
            group["lr"] = base * rate
        flat = [row for pair in batch for row in pair] if head == "pair" else batch
        ids, mask, types, features = tensors(flat)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            pooled = model.encode(ids, mask, types)
        keep = drop(len(flat), rng)
        if head == "pair":
            scores = model.heads["isUse"].raw(pooled, features, *keep)[:, 0]
            loss = F.softplus(-(scores[0::2] - scores[1::2])).mean()
        else:
            unit = model.heads[head]
            loss = loss_of(head, unit(pooled, features, *keep), batch, boost.get(head, 1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses[head].append(loss.item())
        seen += int(mask.sum())
        step += 1
        if step % 100 == 0:
            minutes = (time.time() - started) / 60
            text = " ".join(f"{name} {np.mean(values[-50:]):.3f}" for name, values in sorted(losses.items()))
            print(f"{minutes:6.1f} min  step {step}/{total}  {seen / minutes / 60:.0f} tokens/s  {text}", flush=True)
        if step % options.keep == 0:
            print(f"        dev AUROC {json.dumps(evaluate(model, rows))}", flush=True)
            torch.save(model.state_dict(), out / "model.pt")
    print(f"        dev AUROC {json.dumps(evaluate(model, rows))}", flush=True)
    torch.save(model.state_dict(), out / "model.pt")
    facts = {
        "steps": step, "tokens": seen, "minutes": round((time.time() - started) / 60, 1),
        "options": vars(options) | {"examples": pathlib.Path(options.examples).name, "out": out.name},
        "examples": {f"{split} {head}": len(some) for (split, head), some in sorted(rows.items())},
    }
    (out / "training.json").write_text(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
