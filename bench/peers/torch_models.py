"""The recipes in PyTorch, eager or compiled. Modules are named as vitc's states, so that weights are loaded by name."""

import torch
import torch.nn.functional as F
from torch import nn

from tensors import read_all


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.transpose(1, 2).reshape(b, n, d))


class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, dim, heads, ratio=4):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, ratio * dim)

    def forward(self, x, gates=None):
        """`gates` [2, B]: what each image's two branches are scaled by (drop path)."""
        y = self.attn(self.norm1(x))
        x = x + (y if gates is None else y * gates[0].view(-1, 1, 1))
        y = self.mlp(self.norm2(x))
        return x + (y if gates is None else y * gates[1].view(-1, 1, 1))


class PatchEmbed(nn.Module):
    """A convolution's weight, applied as one matrix product."""

    def __init__(self, patch, dim):
        super().__init__()
        self.patch = patch
        self.proj = nn.Module()
        self.proj.weight = nn.Parameter(torch.empty(dim, 3, patch, patch))
        self.proj.bias = nn.Parameter(torch.empty(dim))

    def forward(self, x):
        b, c, h, w = x.shape
        p = self.patch
        t = x.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 1, 3, 5).reshape(b, -1, c * p * p)
        return F.linear(t, self.proj.weight.flatten(1), self.proj.bias)


class ConvStem(nn.Module):
    """MoCo v3's convolutional stem: tokens of patches of 16."""
    patch = 16

    def __init__(self, dim):
        super().__init__()
        parts, channels = [], 3
        for out in (dim // 8, dim // 4, dim // 2, dim):
            parts += [nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            channels = out
        self.proj = nn.Sequential(*parts, nn.Conv2d(dim, dim, 1))

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Vit(nn.Module):
    """Tokens after the last norm, the cls token first."""

    def __init__(self, image, patch, dim, depth, heads, stem="patch"):
        super().__init__()
        self.grid = image // patch
        self.patch_embed = ConvStem(dim) if stem == "conv" else PatchEmbed(patch, dim)
        self.cls_token = nn.Parameter(torch.empty(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + self.grid ** 2, dim))
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def places(self, m):
        if m == self.grid:
            return self.pos_embed
        g, d = self.grid, self.pos_embed.shape[-1]
        table = self.pos_embed[:, 1:].reshape(1, g, g, d).permute(0, 3, 1, 2)
        table = F.interpolate(table, scale_factor=(m + 0.1) / g, mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], table.permute(0, 2, 3, 1).reshape(1, m * m, d)], 1)

    def forward(self, x, gates=None):
        places = self.places(x.shape[-1] // self.patch_embed.patch)
        x = self.patch_embed(x) + places[:, 1:]
        x = torch.cat([(self.cls_token + places[:, :1]).expand(x.shape[0], -1, -1), x], 1)
        for i, block in enumerate(self.blocks):
            x = block(x, None if gates is None or i == 0 else gates[i])
        return self.norm(x)


def vit_of(model):
    return Vit(*(model[key] for key in ("image", "patch", "dim", "depth", "heads")), model.get("stem", "patch"))


class Recipe(nn.Module):
    """What a trainer asks of a recipe: loss(inputs, teacher's temperature), and these."""
    clip = None  # the largest norm of a parameter's gradient
    decay_all = False  # else tensors of rank 2 and more
    ema = None  # (moving average, what it follows)
    ema_first = False

    def prepare(self, inputs):
        return inputs


class Classifier(Recipe):
    def __init__(self, model):
        super().__init__()
        self.model = vit_of(model)
        self.model.head = nn.Linear(model["dim"], model["classes"])

    def prepare(self, inputs):
        return {"images": inputs["images"], "labels": inputs["labels"].long()}

    def loss(self, inputs, temperature):
        logits = self.model.head(self.model(inputs["images"])[:, 0])
        return F.cross_entropy(logits.float(), inputs["labels"])


class CompactTransformer(nn.Module):
    """CCT's tokeniser and sequence pooling around pre-norm blocks."""

    def __init__(self, image, dim, depth, heads, classes):
        super().__init__()
        self.tokenizer = nn.Module()
        self.tokenizer.conv_layers = nn.ModuleList([nn.Conv2d(3, dim, 3, padding=1, bias=False)])
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.positional_emb = nn.Parameter(torch.empty(1, (image // 2) ** 2, dim))
        self.blocks = nn.ModuleList(Block(dim, heads, 2) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.attention_pool = nn.Linear(dim, 1)
        self.fc = nn.Linear(dim, classes)

    def forward(self, x):
        for conv in self.tokenizer.conv_layers:
            x = self.pool(F.relu(conv(x)))
        x = x.flatten(2).transpose(1, 2) + self.positional_emb
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        share = F.softmax(self.attention_pool(x), dim=1).transpose(1, 2)
        return self.fc((share @ x).squeeze(1))


class Compact(Recipe):
    def __init__(self, model):
        super().__init__()
        self.model = CompactTransformer(*(model[key] for key in ("image", "dim", "depth", "heads", "classes")))

    def prepare(self, inputs):
        return {"images": inputs["images"], "labels": inputs["labels"].long()}

    def loss(self, inputs, temperature):
        return F.cross_entropy(self.model(inputs["images"]).float(), inputs["labels"])


class MaeEncoder(Vit):
    def forward(self, x, kept):
        t = self.patch_embed(x) + self.pos_embed[:, 1:]
        t = t.gather(1, kept.unsqueeze(-1).expand(-1, -1, t.shape[-1]))
        t = torch.cat([(self.cls_token + self.pos_embed[:, :1]).expand(t.shape[0], -1, -1), t], 1)
        for block in self.blocks:
            t = block(t)
        return self.norm(t)


class MaeDecoder(nn.Module):
    def __init__(self, places, patch, width, dim, depth, heads):
        super().__init__()
        self.decoder_embed = nn.Linear(width, dim)
        self.mask_token = nn.Parameter(torch.empty(1, 1, dim))
        self.decoder_pos_embed = nn.Parameter(torch.empty(1, 1 + places, dim))
        self.decoder_blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.decoder_norm = nn.LayerNorm(dim, eps=1e-6)
        self.decoder_pred = nn.Linear(dim, 3 * patch * patch)

    def forward(self, t, restore):
        t = self.decoder_embed(t)
        b, seen, d = t.shape
        hidden = self.mask_token.to(t.dtype).expand(b, restore.shape[1] + 1 - seen, d)
        filled = torch.cat([t[:, 1:], hidden], 1).gather(1, restore.unsqueeze(-1).expand(-1, -1, d))
        t = torch.cat([t[:, :1], filled], 1) + self.decoder_pos_embed
        for block in self.decoder_blocks:
            t = block(t)
        return self.decoder_pred(self.decoder_norm(t))[:, 1:]


class Mae(Recipe):
    def __init__(self, model):
        super().__init__()
        self.patch, self.ratio = model["patch"], model["mask_ratio"]
        places = (model["image"] // self.patch) ** 2
        self.encoder = MaeEncoder(*(model[key] for key in ("image", "patch", "dim", "depth", "heads")))
        self.decoder = MaeDecoder(places, self.patch, model["dim"],
                                  *(model["decoder_" + key] for key in ("dim", "depth", "heads")))
        self.encoder.pos_embed.requires_grad_(False)
        self.decoder.decoder_pos_embed.requires_grad_(False)

    def loss(self, inputs, temperature):
        x, noise, p = inputs["x"], inputs["noise"], self.patch
        order = noise.argsort(1)
        restore = order.argsort(1)
        seen = int(noise.shape[1] * (1 - self.ratio))
        pred = self.decoder(self.encoder(x, order[:, :seen]), restore).float()
        b, c, h, w = x.shape
        target = x.reshape(b, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)
        var, mean = torch.var_mean(target, -1, keepdim=True)
        target = (target - mean) * torch.rsqrt(var + 1e-6)
        removed = (restore >= seen).float()
        return (((pred - target) ** 2).mean(-1) * removed).sum() / removed.sum()


class WeightNorm(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.weight_g = nn.Parameter(torch.empty(out, 1), requires_grad=False)
        self.weight_v = nn.Parameter(torch.empty(out, width))

    def forward(self, x):
        return F.linear(x, self.weight_v * (self.weight_g / self.weight_v.norm(dim=1, keepdim=True)))


class DinoHead(nn.Module):
    def __init__(self, width, out=65536, hidden=2048, bottleneck=256):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(),
                                 nn.Linear(hidden, bottleneck))
        self.last_layer = WeightNorm(bottleneck, out)

    def forward(self, x):
        return self.last_layer(F.normalize(self.mlp(x).float(), dim=-1))


class DinoNetwork(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.backbone = vit_of(model)
        self.head = DinoHead(model["dim"])


def scaled_gates(inputs, network, views, depth, rate):
    """[depth, 2, B of these views]: the drawn gates over the chance to stay."""
    rows = []
    for i in range(depth):
        keep = 1 - rate * i / max(depth - 1, 1)
        pair = []
        for branch in (1, 2):
            name = f"{network}.backbone.blocks.{i}.drop_path{branch}.gate"
            draws = [inputs.get(name + (f".{v}" if v else "")) for v in views]
            pair.append(torch.cat([torch.ones(inputs["global.0"].shape[0]) if d is None else d / keep for d in draws]))
        rows.append(torch.stack(pair))
    return torch.stack(rows)


class Dino(Recipe):
    clip = 3.0
    ema = ("teacher", "student")

    def __init__(self, model):
        super().__init__()
        self.student, self.teacher = DinoNetwork(model), DinoNetwork(model)
        self.teacher.requires_grad_(False)
        self.register_buffer("center", torch.zeros(1, 65536))
        self.views, self.depth, self.rate = 2 + model["locals"], model["depth"], model["drop_path"]

    def prepare(self, inputs):
        # views of one size go through the backbone together, as in the authors' code
        def gates(network, first, end):
            return scaled_gates(inputs, network, range(first, end), self.depth, self.rate)

        return {"globals": torch.cat([inputs[f"global.{i}"] for i in range(2)]),
                "locals": torch.cat([inputs[f"local.{i}"] for i in range(self.views - 2)]),
                "gates": (gates("student", 0, 2), gates("student", 2, self.views), gates("teacher", 0, 2))}

    def loss(self, inputs, temperature):
        wide, narrow, teacher = inputs["gates"]
        with torch.no_grad():
            t = self.teacher.head(self.teacher.backbone(inputs["globals"], teacher)[:, 0]).float()
            p = torch.softmax((t - self.center) / temperature, -1)
            self.center.mul_(0.9).add_(0.1 * t.mean(0, keepdim=True))
        cls = torch.cat([self.student.backbone(inputs["globals"], wide)[:, 0],
                         self.student.backbone(inputs["locals"], narrow)[:, 0]])
        q = torch.log_softmax(self.student.head(cls).float() / 0.1, -1)
        p, q = p.chunk(2), q.chunk(q.shape[0] // (p.shape[0] // 2))
        terms = [-(p[i] * q[j]).sum(-1).mean() for i in range(2) for j in range(len(q)) if i != j]
        return sum(terms) / len(terms)


def contrast_mlp(layers, width, hidden, out):
    parts = []
    for _ in range(layers - 1):
        parts += [nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()]
        width = hidden
    return nn.Sequential(*parts, nn.Linear(width, out, bias=False), nn.BatchNorm1d(out, affine=False))


class MocoEncoder(Vit):
    def __init__(self, model):
        super().__init__(*(model[key] for key in ("image", "patch", "dim", "depth", "heads")))
        self.head = contrast_mlp(3, model["dim"], 4096, 256)
        self.pos_embed.requires_grad_(False)
        self.patch_embed.requires_grad_(False)

    def forward(self, x):
        return self.head(super().forward(x)[:, 0])


class Moco(Recipe):
    decay_all = True
    ema = ("momentum_encoder", "base_encoder")
    ema_first = True

    def __init__(self, model):
        super().__init__()
        self.temperature = model["temperature"]
        self.base_encoder, self.momentum_encoder = MocoEncoder(model), MocoEncoder(model)
        self.predictor = contrast_mlp(2, 256, 4096, 256)
        self.momentum_encoder.requires_grad_(False)

    def contrast(self, q, k):
        logits = F.normalize(q.float(), dim=1) @ F.normalize(k.float(), dim=1).T / self.temperature
        return 2 * self.temperature * F.cross_entropy(logits.float(), torch.arange(q.shape[0]))

    def loss(self, inputs, temperature):
        views = [inputs["view.0"], inputs["view.1"]]
        q = [self.predictor(self.base_encoder(v)) for v in views]
        with torch.no_grad():
            k = [self.momentum_encoder(v) for v in views]
        return self.contrast(q[0], k[1]) + self.contrast(q[1], k[0])


FAMILIES = {"vit": Classifier, "cct": Compact, "mae": Mae, "dino": Dino, "mocov3": Moco}


class Trainer:
    """One training step of a case: loss, backward, clipping, AdamW, the moving average."""

    def __init__(self, case, precision, path, compiled):
        arrays = {name: torch.from_numpy(array) for name, array in read_all(path)}
        recipe = FAMILIES[case.family](case.model)
        for name, parameter in recipe.named_parameters():
            parameter.data.copy_(arrays.pop(name))
        self.case, self.recipe, self.count = case, recipe, case.first_step
        self.inputs = recipe.prepare(arrays)
        self.bf16 = precision == "bf16"
        self.loss = torch.compile(recipe.loss) if compiled else recipe.loss
        trained = [p for p in recipe.parameters() if p.requires_grad]
        decayed = [p for p in trained if recipe.decay_all or p.dim() > 1]
        plain = [p for p in trained if not (recipe.decay_all or p.dim() > 1)]
        hyper = case.hyper(self.count)
        self.optimizer = torch.optim.AdamW([{"params": decayed}, {"params": plain, "weight_decay": 0.0}],
                                           lr=hyper["lr"], betas=hyper["betas"], eps=1e-8, fused=True)
        if recipe.ema:
            self.slow, self.fast = (list(getattr(recipe, name).parameters()) for name in recipe.ema)

    def average(self, hyper):
        with torch.no_grad():
            torch._foreach_lerp_(self.slow, self.fast, 1 - hyper["ema"])

    def clip(self):
        grads = [p.grad for group in self.optimizer.param_groups for p in group["params"]]
        for grad, norm in zip(grads, torch._foreach_norm(grads)):
            grad.mul_((self.recipe.clip / (norm + 1e-6)).clamp(max=1))

    def step(self):
        hyper = self.case.hyper(self.count)
        for group, decay in zip(self.optimizer.param_groups, (hyper["weight_decay"], 0.0)):
            group["lr"], group["weight_decay"] = hyper["lr"], decay
        if self.recipe.ema and self.recipe.ema_first:
            self.average(hyper)
        # a tensor: a number that changes would be compiled again
        temperature = torch.tensor(hyper.get("teacher_temperature", 1.0))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.loss(self.inputs, temperature)
        loss.backward()
        if self.recipe.clip:
            self.clip()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.recipe.ema and not self.recipe.ema_first:
            self.average(hyper)
        self.count += 1
        return loss.item()


def version():
    return torch.__version__
