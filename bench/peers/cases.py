"""What is timed: recipes of vitc with their settings, and the schedules of these recipes in Python."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    recipe: str  # relative to the repository
    family: str  # which model of torch_models and jax_models
    batch: int
    settings: dict  # given to vitc as key=value
    model: dict  # the same, as the peers' models want it
    schedule: str
    first_step: int = 0  # beyond warm-up and freezing, so that the steps compared move the weights
    compared_steps: int = 2

    def arguments(self, precision):
        settings = {**self.settings, "batch": self.batch}
        if precision != "fp32":
            settings["train.precision"] = precision
        return [f"{key}={value}" for key, value in settings.items()]

    def hyper(self, step):
        return SCHEDULES[self.schedule](self, step)


def with_depth(case, depth):
    """The same with fewer blocks, for a trial of the machinery."""
    settings, model = {**case.settings, "depth": depth}, {**case.model, "depth": depth}
    if case.family == "mae":
        settings["decoder_depth"] = model["decoder_depth"] = min(depth, model["decoder_depth"])
    return dataclasses.replace(case, settings=settings, model=model)


# One step is one epoch in the steps compared (`vitc run --steps-per-epoch 1`), hence `epoch == step` below.

def half_cosine(t):
    return 0.5 * (1 + math.cos(math.pi * min(max(t, 0.0), 1.0)))


def decayed(peak, end, epoch, warmup, epochs):
    return end + (peak - end) * half_cosine((epoch - warmup) / (epochs - warmup))


def constant(case, step):
    return {"lr": 0.001, "weight_decay": 0.05, "betas": (0.9, 0.999)}


def mae(case, step):
    peak = case.settings["base_lr"] * case.batch / 256
    return {"lr": decayed(peak, 0.0, step, 40, 800), "weight_decay": 0.05, "betas": (0.9, 0.95)}


def dino(case, step):
    peak, epochs = case.settings["base_lr"] * case.batch / 256, 100
    return {
        "lr": decayed(peak, 1e-6, step, 10, epochs),
        "weight_decay": 0.4 + (0.04 - 0.4) * half_cosine(step / epochs),
        "betas": (0.9, 0.999),
        "ema": 1.0 + (0.996 - 1.0) * half_cosine(step / epochs),
        "teacher_temperature": 0.04 + (0.07 - 0.04) * min(step / (30 - 1), 1.0),
    }


def mocov3(case, step):
    peak, epochs = case.settings["base_lr"] * case.batch / 256, 300
    return {
        "lr": decayed(peak, 0.0, step, 40, epochs),
        "weight_decay": 0.1,
        "betas": (0.9, 0.999),
        "ema": 1.0 + (0.99 - 1.0) * half_cosine(step / epochs),
    }


SCHEDULES = {"constant": constant, "mae": mae, "dino": dino, "mocov3": mocov3}

SMALL = {"image": 224, "patch": 16, "dim": 384, "depth": 12, "heads": 6, "classes": 1000}
BASE = {"image": 224, "patch": 16, "dim": 768, "depth": 12, "heads": 12, "classes": 1000}

# base_lr is raised where the batch is small: the second step's loss would else not tell whether the first was right. MoCo v3's is
# not: its second loss is far from the first anyhow, and so much more sensitive to which side of a ReLU rounding puts a value.
CASES = [
    Case("ti4", "ViT-Ti/4, 32 px, batch 128", "bench/peers/vit.yaml", "vit", 128, {"preset": "ti4"},
         {"image": 32, "patch": 4, "dim": 192, "depth": 12, "heads": 3, "classes": 10}, "constant", compared_steps=3),
    Case("s16", "ViT-S/16, 224 px, batch 16", "bench/peers/vit.yaml", "vit", 16, {"preset": "s16"}, SMALL,
         "constant"),
    Case("b16", "ViT-B/16, 224 px, batch 8", "bench/peers/vit.yaml", "vit", 8, {"preset": "b16"}, BASE,
         "constant"),
    Case("stem", "ViT-S/16 with MoCo v3's convolutional stem, 224 px, batch 16", "bench/peers/vit.yaml", "vit", 16,
         {"preset": "stem"}, {**SMALL, "stem": "conv"}, "constant"),
    Case("cct", "CCT-7/3x1's tokeniser, 32 px, batch 32", "bench/peers/cct.yaml", "cct", 32, {},
         {"image": 32, "dim": 256, "depth": 7, "heads": 4, "classes": 10}, "constant"),
    Case("mae", "MAE, ViT-B/16, 224 px, batch 8", "models/mae.yaml", "mae", 8, {"base_lr": 0.0032},
         {**BASE, "decoder_dim": 512, "decoder_depth": 8, "decoder_heads": 16, "mask_ratio": 0.75}, "mae",
         first_step=50),
    Case("dino", "DINO, ViT-S/16, 2 × 224 + 8 × 96 px, head 65536, batch 4", "models/dino.yaml", "dino", 4,
         {"base_lr": 0.0064}, {**SMALL, "drop_path": 0.1, "locals": 8}, "dino", first_step=12),
    Case("mocov3", "MoCo v3, ViT-S/16, 2 × 224 px, batch 16", "models/mocov3.yaml", "mocov3", 16,
         {"base_lr": 0.00015}, {**SMALL, "heads": 12, "temperature": 0.2}, "mocov3", first_step=50),
]

PEERS = {"eager": "PyTorch eager", "compile": "torch.compile", "jax": "JAX jit", "vitc": "vitc", "vitc-bf16x3": "vitc bf16x3"}
TOLERANCE = {"fp32": 1e-4, "bf16": 2e-2}
