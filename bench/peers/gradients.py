"""The error of gradients in each precision against float64, on the golden training steps: vitc beside PyTorch's fp32 and bf16 autocast.

gradients.py VITC: for each step, ‖g - g64‖ / ‖g64‖ over all parameters together, and the median over parameters. `vitc` runs
the recipe on tests/golden/NAME_step.safetensors, whose gradients the authors' code made in float64; PyTorch runs the same
mathematics (torch_models.py) in fp32, which shows that it is the same, and under autocast. Exit code 1: vitc's bf16 is worse than autocast beyond chance
(factor 1.25), or its bf16x3 than 4 times its fp32."""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import torch_models as models
from tensors import read_all

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
TINY = {"image": 16, "patch": 4, "dim": 24, "depth": 2, "heads": 3}
SMALL = "image=16 patch=4 width=24 depth=2 heads=3"


class SimMimBlock(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attn = nn.Module()
        self.attn.qkv, self.attn.proj = nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim)
        self.attn.q_bias, self.attn.v_bias = nn.Parameter(torch.empty(dim)), nn.Parameter(torch.empty(dim))
        self.mlp = models.Mlp(dim, 4 * dim)
        self.gamma_1, self.gamma_2 = nn.Parameter(torch.empty(dim)), nn.Parameter(torch.empty(dim))

    def forward(self, x, bias):
        b, n, d = x.shape
        qkv_bias = torch.cat([self.attn.q_bias, torch.zeros_like(self.attn.v_bias), self.attn.v_bias])
        qkv = F.linear(self.norm1(x), self.attn.qkv.weight, qkv_bias)
        q, k, v = qkv.reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q * (d // self.heads) ** -0.5) @ k.transpose(-2, -1) + bias
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, n, d)
        x = x + self.gamma_1 * self.attn.proj(y)
        return x + self.gamma_2 * self.mlp(self.norm2(x))


class SimMimEncoder(nn.Module):
    def __init__(self, dim, depth, heads):
        super().__init__()
        self.heads = heads
        self.patch_embed = models.PatchEmbed(4, dim)
        self.cls_token, self.mask_token = (nn.Parameter(torch.empty(1, 1, dim)) for _ in range(2))
        self.rel_pos_bias = nn.Module()
        self.rel_pos_bias.relative_position_bias_table = nn.Parameter(torch.empty(52, heads))
        self.register_buffer("index", torch.empty(17, 17))
        self.blocks = nn.ModuleList(SimMimBlock(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, x, mask):
        w = mask.flatten(1).unsqueeze(-1).to(x.dtype)
        x = self.patch_embed(x)
        x = x * (1 - w) + self.mask_token * w
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1)
        table = self.rel_pos_bias.relative_position_bias_table
        bias = table[self.index.long().flatten()].reshape(17, 17, self.heads).permute(2, 0, 1).unsqueeze(0)
        for block in self.blocks:
            x = block(x, bias)
        return self.norm(x)


class SimMim(models.Recipe):
    def __init__(self):
        super().__init__()
        self.encoder = SimMimEncoder(24, 2, 3)
        self.decoder = nn.Sequential(nn.Conv2d(24, 48, 1), nn.PixelShuffle(4))

    def loss(self, inputs, temperature):
        t = self.encoder(inputs["images"], inputs["mask"])[:, 1:]
        pred = self.decoder(t.transpose(1, 2).reshape(-1, 24, 4, 4))
        mask = inputs["mask"].repeat_interleave(4, 1).repeat_interleave(4, 2).unsqueeze(1).to(pred.dtype)
        return ((inputs["images"] - pred).abs() * mask).sum() / (mask.sum() + 1e-5) / 3


def simmim(tensors):
    recipe = SimMim()
    recipe.encoder.index = tensors["param.encoder.rel_pos_bias.relative_position_index"]
    return recipe, {"images": tensors["images"], "mask": tensors["mask"]}, lambda name: f"param.{name}", lambda name: name


def mae(tensors):
    recipe = models.Mae({**TINY, "decoder_dim": 16, "decoder_depth": 1, "decoder_heads": 2, "mask_ratio": 0.75})
    short = lambda name: name.split(".", 1)[1]
    return recipe, {"x": tensors["images"], "noise": tensors["noise"]}, lambda name: f"param.{short(name)}", short


def dino(tensors):
    recipe = models.Dino({**TINY, "locals": 2, "drop_path": 0.0})
    for network in (recipe.student, recipe.teacher):
        network.head = models.DinoHead(24, 40, 48, 16)
    recipe.teacher.requires_grad_(False)
    recipe.center = tensors["center.before"]
    inputs = {"globals": torch.cat([tensors["crop.0"], tensors["crop.1"]]),
              "locals": torch.cat([tensors["crop.2"], tensors["crop.3"]]), "gates": (None, None, None)}
    return recipe, inputs, lambda name: name, lambda name: name.removeprefix("student.")


def mocov3(tensors):
    recipe = models.Moco({**TINY, "temperature": 0.2})
    for encoder in (recipe.base_encoder, recipe.momentum_encoder):
        encoder.head = models.contrast_mlp(3, 24, 32, 16)
    recipe.predictor = models.contrast_mlp(2, 16, 32, 16)
    recipe.momentum_encoder.requires_grad_(False)
    inputs = {"view.0": tensors["view.1"], "view.1": tensors["view.2"]}

    def before(name):  # the keys' encoder has moved already
        return f"after.{name}" if name.startswith("momentum_encoder") else f"before.{name}"

    return recipe, inputs, before, lambda name: name


# the recipe with its settings, the PyTorch model, the teacher's temperature, the prefix of vitc's gradients
STEPS = {
    "simmim": (f"simmim {SMALL} batch=3 mask_patch=8 drop_path=0", simmim, 1.0, "grad."),
    "mae": (f"mae {SMALL} decoder_dim=16 decoder_depth=1 decoder_heads=2 batch=3", mae, 1.0, "grad."),
    "dino": (f"dino {SMALL} local_size=8 locals=2 batch=3 out_dim=40 hidden=48 bottleneck=16 drop_path=0 epochs=10 "
             "warmup_teacher_temp_epochs=3 ema=0.99 clip=0.3 ema_end=0.99 base_lr=0.08533333333333333 min_lr=0.001 warmup=0 "
             "wd=0.05 wd_end=0.05 --step 1", dino, None, "grad."),
    "mocov3": (f"mocov3 {SMALL} batch=6 hidden=32 out_dim=16", mocov3, 1.0, "grad."),
}


def read(path):
    return {name: array for name, array in read_all(path)}


def torch_gradients(make, tensors, temperature, autocast):
    recipe, inputs, weight_name, gradient_name = make({k: torch.from_numpy(np.array(v)) for k, v in tensors.items()})
    for name, parameter in recipe.named_parameters():
        if weight_name(name) in tensors:
            parameter.data.copy_(torch.from_numpy(np.array(tensors[weight_name(name)])))
    recipe.float()
    inputs = {k: v.float() if torch.is_tensor(v) and v.is_floating_point() else v for k, v in inputs.items()}
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = recipe.loss(inputs, torch.tensor(temperature))
    loss.backward()
    return {gradient_name(n): p.grad.double().numpy() for n, p in recipe.named_parameters() if p.grad is not None}


def vitc_gradients(vitc, name, arguments, flags):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.safetensors"
        subprocess.run([vitc, "run", *arguments.split(), "--in", f"{GOLDEN}/{name}_step.safetensors", "--out", out,
                        "--rename", f"{GOLDEN}/{name}_step.rename.yaml", *flags], check=True)
        return read(out)


def errors(got, want):
    """Over all parameters together, and the median of each alone; those whose exact gradient is zero left out."""
    pairs = [(got[k].ravel(), want[k].ravel()) for k in want if np.abs(want[k]).max() > 1e-9]
    norm = lambda x: float(np.sqrt((x * x).sum()))
    each = [norm(a - b) / norm(b) for a, b in pairs]
    return norm(np.concatenate([a - b for a, b in pairs])) / norm(np.concatenate([b for _, b in pairs])), float(np.median(each))


def main():
    vitc = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/vitc")
    bad = False
    print(f"{'step':8} {'':22} {'all':>9} {'median':>9}")
    for name, (arguments, make, temperature, prefix) in STEPS.items():
        tensors = {k: v.astype(np.float64) if v.dtype == np.float32 else v for k, v in read(GOLDEN / f"{name}_step.safetensors").items()}
        want = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        if temperature is None:
            temperature = 0.04 + (0.07 - 0.04) * 1 / 2  # DINO's at the golden step
        rows = {}
        for row, autocast in (("PyTorch fp32", False), ("PyTorch bf16 autocast", True)):
            rows[row] = errors(torch_gradients(make, tensors, temperature, autocast), want)
        for precision, target in (("fp32", None), ("bf16", None), ("bf16x3", "amx-model")):
            got = vitc_gradients(vitc, name, arguments, ["--precision", precision] + (["--target-features", target] if target else []))
            short = {}
            for key, value in got.items():
                if key.startswith("grad."):
                    key = key.removeprefix("grad.")
                    for network in ("student.",) if name == "dino" else ("encoder.", "decoder.") if name == "mae" else ():
                        key = key.removeprefix(network)
                    short[key] = value.astype(np.float64)
            rows[f"vitc {precision}"] = errors(short, want)
        for row, (all_, median) in rows.items():
            print(f"{name:8} {row:22} {all_:9.2e} {median:9.2e}")
        bad |= rows["vitc bf16"][0] > 1.25 * rows["PyTorch bf16 autocast"][0]
        bad |= rows["vitc bf16x3"][0] > 4 * rows["vitc fp32"][0]
    sys.exit(bad)


main()
