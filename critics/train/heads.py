"""Step 3b: fits some heads again over the encoder as it is, with examples of by-construction.ts beside the others.

    python heads.py --run FOLDER --examples FILE.jsonl --examples MORE.jsonl --heads isSup,entail --out FOLDER

The encoder reads each example once; then the heads alone are fitted, from where they stand. Nothing else changes, so
figures of other heads stay what they were.
"""

import argparse
import json
import pathlib
import random
import time

import torch

from model import base_model
from train import auroc, batches, loss_of, read, tensors


@torch.no_grad()
def encoded(model, rows, rng):
    done = []
    for batch in batches(rows, rng, 1.0):
        ids, mask, types, features = tensors(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            pooled = model.encode(ids, mask, types)
        done += [(row, pooled[i], features[i]) for i, row in enumerate(batch)]
    return done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--examples", required=True, action="append")
    parser.add_argument("--heads", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--rows", type=int, default=14000, help="of the first file, a head")
    parser.add_argument("--passes", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    rng = random.Random(1)
    started = time.time()
    model = base_model()
    model.load_state_dict(torch.load(pathlib.Path(options.run) / "model.pt"))
    model.eval()
    files = [read(path) for path in options.examples]
    for name in options.heads.split(","):
        first = files[0]["train", name]
        rows = rng.sample(first, min(options.rows, len(first))) + [r for f in files[1:] for r in f["train", name]]
        train, dev = encoded(model, rows, rng), encoded(model, files[0]["dev", name], rng)
        head = model.heads[name]
        optimizer = torch.optim.AdamW(head.parameters(), lr=5e-4, weight_decay=0.01)
        partial = sum(row["label"] == 1 for row in rows)
        boost = min(3.0, 0.15 * len(rows) / max(1, partial)) if name == "isSup" else 1
        steps = options.passes * (len(train) // 64)
        for step in range(steps):
            if step % (len(train) // 64) == 0:
                rng.shuffle(train)
            at = step % (len(train) // 64) * 64
            some = train[at : at + 64]
            for group in optimizer.param_groups:
                group["lr"] = 5e-4 * max(0.02, 1 - step / steps)
            outputs = head(torch.stack([p for _, p, _ in some]), torch.stack([f for _, _, f in some]))
            loss = loss_of(name, outputs, [row for row, _, _ in some], boost)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            outputs = torch.softmax(head(torch.stack([p for _, p, _ in dev]), torch.stack([f for _, _, f in dev])), -1)
        wanted = 2 if name == "entail" else 0
        print(name, len(train), "dev AUROC", round(auroc(outputs[:, wanted].tolist(), [r["label"] == wanted for r, _, _ in dev]), 4), flush=True)
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), out / "model.pt")
    facts = json.loads((pathlib.Path(options.run) / "training.json").read_text())
    facts["headsAgain"] = {"heads": options.heads, "minutes": round((time.time() - started) / 60, 1)}
    (out / "training.json").write_text(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
