"""The network: a BERT encoder that all heads share, and for each head one small layer over it and the lexical features."""

import json
import math
import zipfile
from importlib.resources import files

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load

# As in src/backends/classifier-input.ts: name -> number of outputs.
HEADS = {"isRel": 1, "isSup": 3, "isUse": 5, "retrieve": 1, "entail": 3, "equivalent": 1, "sentence": 1}
# How many of the features a head gets.
FEATURES_OF = {"isRel": 12, "isSup": 24, "isUse": 13, "retrieve": 0, "entail": 24, "equivalent": 26, "sentence": 12}
FEATURES = 26
HIDDEN = 96


class Layer(nn.Module):
    def __init__(self, size: int, inner: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(size, 3 * size)
        self.out = nn.Linear(size, size)
        self.norm1 = nn.LayerNorm(size, eps=1e-12)
        self.up = nn.Linear(size, inner)
        self.down = nn.Linear(inner, size)
        self.norm2 = nn.LayerNorm(size, eps=1e-12)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batch, length, size = x.shape
        shape = (batch, length, 3, self.heads, size // self.heads)
        q, k, v = self.qkv(x).view(shape).permute(2, 0, 3, 1, 4).contiguous().unbind(0)
        # Written out: on a CPU its gradient is twice as fast as that of the fused kernel.
        weights = (q @ k.transpose(-1, -2)) * (1 / math.sqrt(size // self.heads)) + mask.to(q.dtype)
        mixed = (torch.softmax(weights, -1).to(v.dtype) @ v).transpose(1, 2).reshape(batch, length, size)
        x = self.norm1(x + self.out(mixed))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Head(nn.Module):
    """Encoder states and features, each through a projection, summed; either may be left out in training."""

    def __init__(self, size: int, features: int, outputs: int):
        super().__init__()
        self.features = features
        self.text = nn.Linear(2 * size, HIDDEN)
        self.lexical = nn.Sequential(nn.Linear(max(1, features), 48), nn.GELU(), nn.Linear(48, HIDDEN))
        self.register_buffer("mean", torch.zeros(max(1, features)))
        self.register_buffer("scale", torch.ones(max(1, features)))
        self.score = nn.Linear(HIDDEN, outputs)

    def forward(self, pooled, features, keep_text=None, keep_lexical=None):
        text = self.text(pooled)
        lexical = self.lexical(((features[:, : self.mean.shape[0]] - self.mean) * self.scale).clamp(-4, 4))
        if self.features == 0:
            lexical = lexical * 0
        if keep_text is not None:
            text = text * keep_text
        if keep_lexical is not None:
            lexical = lexical * keep_lexical
        return self.score(F.gelu(text + lexical))


class Ordinal(nn.Module):
    """Five ordered labels from one score: P(above k) = s(score - cut k), the cuts ascending."""

    def __init__(self, head: Head):
        super().__init__()
        self.head = head
        self.first = nn.Parameter(torch.tensor(-2.0))
        self.steps = nn.Parameter(torch.zeros(3))

    def raw(self, *inputs):
        return self.head(*inputs)

    def cuts(self):
        return torch.cat([self.first[None], self.first + torch.cumsum(F.softplus(self.steps) + 1e-3, 0)])

    def forward(self, *inputs):
        above = torch.sigmoid(self.raw(*inputs) - self.cuts())
        ones, zeros = torch.ones_like(above[:, :1]), torch.zeros_like(above[:, :1])
        return torch.log((torch.cat([ones, above], 1) - torch.cat([above, zeros], 1)).clamp_min(1e-7))


class Critic(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        size = config["hidden_size"]
        self.words = nn.Embedding(config["vocab_size"], size)
        self.places = nn.Embedding(config["max_position_embeddings"], size)
        self.types = nn.Embedding(2, size)
        self.norm = nn.LayerNorm(size, eps=1e-12)
        self.layers = nn.ModuleList(
            Layer(size, config["intermediate_size"], config["num_attention_heads"])
            for _ in range(config["num_hidden_layers"])
        )
        heads = {name: Head(size, FEATURES_OF[name], 1 if name == "isUse" else n) for name, n in HEADS.items()}
        self.heads = nn.ModuleDict({n: Ordinal(h) if n == "isUse" else h for n, h in heads.items()})

    def encode(self, ids, mask, types):
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.places(places) + self.types(types))
        bias = (1.0 - mask[:, None, None, :].to(x.dtype)) * -1e4
        for layer in self.layers:
            x = layer(x, bias)
        x = x.float()
        weight = mask[:, :, None].to(x.dtype)
        return torch.cat([x[:, 0], (x * weight).sum(1) / weight.sum(1)], 1)

    def forward(self, ids, mask, types, features):
        """What the product runs: the outputs of every head, side by side, in the order of HEADS."""
        pooled = self.encode(ids, mask, types)
        return torch.cat([self.heads[name](pooled, features) for name in HEADS], 1)


def base_model() -> Critic:
    """All heads over all-MiniLM-L6-v2 (Apache-2.0), from the package that carries it."""
    with zipfile.ZipFile(files("all_minilm_l6_v2") / "model.zip") as archive:
        inner = {name.rsplit("/", 1)[-1]: name for name in archive.namelist() if "1_Pooling" not in name}
        config = json.loads(archive.read(inner["config.json"]))
        weights = load(archive.read(inner["model.safetensors"]))
    model = Critic(config)
    weights = {name.removeprefix("bert."): value for name, value in weights.items()}
    own: dict[str, torch.Tensor] = {}
    for mine, theirs in {
        "words": "word_embeddings", "places": "position_embeddings", "types": "token_type_embeddings"
    }.items():
        own[f"{mine}.weight"] = weights[f"embeddings.{theirs}.weight"]
    for part in ("weight", "bias"):
        own[f"norm.{part}"] = weights[f"embeddings.LayerNorm.{part}"]
        for i in range(config["num_hidden_layers"]):
            old = f"encoder.layer.{i}."
            own[f"layers.{i}.qkv.{part}"] = torch.cat(
                [weights[f"{old}attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            )
            for mine, theirs in {
                "out": "attention.output.dense", "norm1": "attention.output.LayerNorm",
                "up": "intermediate.dense", "down": "output.dense", "norm2": "output.LayerNorm",
            }.items():
                own[f"layers.{i}.{mine}.{part}"] = weights[f"{old}{theirs}.{part}"]
    missing, unexpected = model.load_state_dict(own, strict=False)
    assert not unexpected and all(name.startswith("heads.") for name in missing), (unexpected, missing)
    return model
