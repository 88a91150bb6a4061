"""The recipes in JAX: functions of a flat dictionary of weights under vitc's names, one jitted step."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from tensors import read_all


class Network:
    """The layers, on the weights of one network; `dtype` is that of the products (the weights stay fp32)."""

    def __init__(self, weights, prefix, dtype):
        self.weights, self.prefix, self.dtype = weights, prefix, dtype

    def __getitem__(self, name):
        return self.weights[self.prefix + name]

    def __contains__(self, name):
        return self.prefix + name in self.weights

    def low(self, x):
        return x.astype(self.dtype)

    def linear(self, name, x, weight=None):
        weight = self[name + ".weight"] if weight is None else weight
        y = self.low(x) @ self.low(weight).T
        return y + self.low(self[name + ".bias"]) if name + ".bias" in self else y

    def norm(self, name, x):
        x = x.astype(jnp.float32)
        mean = x.mean(-1, keepdims=True)
        centred = x - mean
        scale = jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-6)
        return centred * scale * self[name + ".weight"] + self[name + ".bias"]

    def block(self, name, x, heads, gates=None):
        b, n, d = x.shape
        qkv = self.linear(name + ".attn.qkv", self.norm(name + ".norm1", x)).reshape(b, n, 3, heads, d // heads)
        y = jax.nn.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2])
        y = self.linear(name + ".attn.proj", y.reshape(b, n, d))
        x = x + (y if gates is None else y * gates[0].reshape(-1, 1, 1))
        h = jax.nn.gelu(self.linear(name + ".mlp.fc1", self.norm(name + ".norm2", x)), approximate=False)
        y = self.linear(name + ".mlp.fc2", h)
        return x + (y if gates is None else y * gates[1].reshape(-1, 1, 1))

    def conv(self, name, x, stride=1, padding=0):
        y = jax.lax.conv_general_dilated(self.low(x), self.low(self[name + ".weight"]), (stride, stride),
                                         [(padding, padding)] * 2, dimension_numbers=("NCHW", "OIHW", "NCHW"))
        return y + self.low(self[name + ".bias"]).reshape(-1, 1, 1) if name + ".bias" in self else y

    def batch_norm(self, name, x):
        x = x.astype(jnp.float32)
        mean = x.mean((0, 2, 3), keepdims=True)
        scale = jax.lax.rsqrt(((x - mean) ** 2).mean((0, 2, 3), keepdims=True) + 1e-5)
        return (x - mean) * scale * self[name + ".weight"].reshape(-1, 1, 1) + self[name + ".bias"].reshape(-1, 1, 1)

    def conv_stem(self, x):
        for i in range(4):
            x = self.conv(f"patch_embed.proj.{3 * i}", x, 2, 1)
            x = jax.nn.relu(self.batch_norm(f"patch_embed.proj.{3 * i + 1}", x))
        x = self.conv("patch_embed.proj.12", x)
        return x.reshape(*x.shape[:2], -1).transpose(0, 2, 1)

    def patches(self, x, patch):
        if "patch_embed.proj.12.weight" in self:
            return self.conv_stem(x)
        weight = self["patch_embed.proj.weight"]
        b, c, h, w = x.shape
        t = x.reshape(b, c, h // patch, patch, w // patch, patch).transpose(0, 2, 4, 1, 3, 5).reshape(b, -1, c * patch * patch)
        return self.linear("patch_embed.proj", t, weight.reshape(weight.shape[0], -1))

    def places(self, grid, m):
        table = self["pos_embed"]
        if m == grid:
            return table
        weights = bicubic_matrix(grid, m, (m + 0.1) / grid)
        d = table.shape[-1]
        inner = jnp.einsum("yi,xj,ijd->yxd", weights, weights, table[0, 1:].reshape(grid, grid, d))
        return jnp.concatenate([table[:, :1], inner.reshape(1, m * m, d)], 1)

    def vit(self, x, model, gates=None, kept=None):
        patch, grid = model["patch"], model["image"] // model["patch"]
        places = self.places(grid, x.shape[-1] // patch)
        t = self.patches(x, patch) + places[:, 1:]
        if kept is not None:
            t = jnp.take_along_axis(t, kept[:, :, None], 1)
        cls = jnp.broadcast_to(self["cls_token"] + places[:, :1], (t.shape[0], 1, t.shape[2]))
        t = jnp.concatenate([cls, t], 1)
        for i in range(model["depth"]):
            t = self.block(f"blocks.{i}", t, model["heads"], None if gates is None or i == 0 else gates[i])
        return self.norm("norm", t)


def bicubic_matrix(n, m, scale):
    """[m, n]: Keys' cubic at half-pixel centres, a = -0.75, edges repeated, as PyTorch interpolates with the scale given."""
    def cubic(d, a=-0.75):
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((d - 5) * d + 8) * d * a - 4 * a
        return np.where(d <= 1, near, np.where(d < 2, far, 0.0))

    weights = np.zeros((m, n))
    for y in range(m):
        centre = (y + 0.5) / scale - 0.5
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            weights[y, min(max(tap, 0), n - 1)] += cubic(abs(centre - tap))
    return weights.astype(np.float32)


def cross_entropy(logits, labels):
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits.astype(jnp.float32)), labels[:, None], 1)
    return -picked.mean()


def normalized(x):
    x = x.astype(jnp.float32)
    return x / jnp.maximum(jnp.sqrt((x * x).sum(-1, keepdims=True)), 1e-12)


class Recipe:
    """What a trainer asks of a recipe; `state` is what a step changes beside weights and moments."""
    clip = None
    decay_all = False
    ema = None  # (moving average, what it follows)
    ema_first = False

    def __init__(self, model):
        self.model = model

    def trained(self, name):
        return True

    def prepare(self, inputs):
        return inputs

    def state(self):
        return {}


class Classifier(Recipe):
    def prepare(self, inputs):
        return {"images": inputs["images"], "labels": inputs["labels"]}

    def loss(self, weights, state, inputs, hyper, dtype):
        network = Network(weights, "model.", dtype)
        tokens = network.vit(inputs["images"], self.model)
        return cross_entropy(network.linear("head", tokens[:, 0]), inputs["labels"]), state


class Compact(Classifier):
    def loss(self, weights, state, inputs, hyper, dtype):
        network = Network(weights, "model.", dtype)
        x = jax.nn.relu(network.conv("tokenizer.conv_layers.0", inputs["images"], 1, 1))
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 3, 3), (1, 1, 2, 2),
                                  [(0, 0), (0, 0), (1, 1), (1, 1)])
        t = x.reshape(*x.shape[:2], -1).transpose(0, 2, 1) + network["positional_emb"]
        for i in range(self.model["depth"]):
            t = network.block(f"blocks.{i}", t, self.model["heads"])
        t = network.norm("norm", t)
        share = jax.nn.softmax(network.linear("attention_pool", t).astype(jnp.float32), 1)
        return cross_entropy(network.linear("fc", (share * t).sum(1)), inputs["labels"]), state


class Mae(Recipe):
    def trained(self, name):
        return not name.endswith("pos_embed")

    def prepare(self, inputs):
        return {"x": inputs["x"], "noise": inputs["noise"]}

    def loss(self, weights, state, inputs, hyper, dtype):
        x, noise, p = inputs["x"], inputs["noise"], self.model["patch"]
        order = jnp.argsort(noise, 1)
        restore = jnp.argsort(order, 1)
        seen = int(noise.shape[1] * (1 - self.model["mask_ratio"]))
        t = Network(weights, "encoder.", dtype).vit(x, self.model, kept=order[:, :seen])
        decoder = Network(weights, "decoder.", dtype)
        t = decoder.linear("decoder_embed", t)
        b, _, d = t.shape
        hidden = jnp.broadcast_to(decoder["mask_token"].astype(t.dtype), (b, restore.shape[1] - seen, d))
        filled = jnp.take_along_axis(jnp.concatenate([t[:, 1:], hidden], 1), restore[:, :, None], 1)
        t = jnp.concatenate([t[:, :1], filled], 1) + decoder["decoder_pos_embed"]
        for i in range(self.model["decoder_depth"]):
            t = decoder.block(f"decoder_blocks.{i}", t, self.model["decoder_heads"])
        pred = decoder.linear("decoder_pred", decoder.norm("decoder_norm", t))[:, 1:].astype(jnp.float32)
        b, c, h, w = x.shape
        target = x.reshape(b, c, h // p, p, w // p, p).transpose(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)
        target = (target - target.mean(-1, keepdims=True)) * jax.lax.rsqrt(target.var(-1, keepdims=True, ddof=1) + 1e-6)
        removed = (restore >= seen).astype(jnp.float32)
        return (((pred - target) ** 2).mean(-1) * removed).sum() / removed.sum(), state


class Dino(Recipe):
    clip = 3.0
    ema = ("teacher.", "student.")

    def trained(self, name):
        return name.startswith("student.") and not name.endswith("weight_g")

    def gates(self, inputs, network, views):
        """[depth, 2, B of these views]: the drawn gates over the chance to stay."""
        depth, ones = self.model["depth"], np.ones(inputs["global.0"].shape[0], np.float32)

        def of(i, branch, view):
            name = f"{network}.backbone.blocks.{i}.drop_path{branch}.gate" + (f".{view}" if view else "")
            keep = 1 - self.model["drop_path"] * i / max(depth - 1, 1)
            return inputs[name] / np.float32(keep) if name in inputs else ones

        return np.array([[np.concatenate([of(i, branch, view) for view in views]) for branch in (1, 2)]
                         for i in range(depth)])

    def prepare(self, inputs):
        views = 2 + self.model["locals"]
        return {"globals": np.concatenate([inputs[f"global.{i}"] for i in range(2)]),
                "locals": np.concatenate([inputs[f"local.{i}"] for i in range(views - 2)]),
                "wide": self.gates(inputs, "student", range(2)),
                "narrow": self.gates(inputs, "student", range(2, views)),
                "teacher": self.gates(inputs, "teacher", range(2))}

    def state(self):
        return {"center": jnp.zeros((1, 65536))}

    def head(self, network, x):
        for i in (0, 2):
            x = jax.nn.gelu(network.linear(f"mlp.{i}", x), approximate=False)
        x = normalized(network.linear("mlp.4", x))
        v = network["last_layer.weight_v"]
        rows = v * (network["last_layer.weight_g"] / jnp.sqrt((v * v).sum(1, keepdims=True)))
        return network.linear("last_layer", x, rows).astype(jnp.float32)

    def loss(self, weights, state, inputs, hyper, dtype):
        def network(name, part):
            return Network(weights, f"{name}.{part}.", dtype)

        tokens = network("teacher", "backbone").vit(inputs["globals"], self.model, inputs["teacher"])
        t = jax.lax.stop_gradient(self.head(network("teacher", "head"), tokens[:, 0]))
        p = jax.nn.softmax((t - state["center"]) / hyper["teacher_temperature"])
        student = network("student", "backbone")
        cls = jnp.concatenate([student.vit(inputs["globals"], self.model, inputs["wide"])[:, 0],
                               student.vit(inputs["locals"], self.model, inputs["narrow"])[:, 0]])
        q = jax.nn.log_softmax(self.head(network("student", "head"), cls) / 0.1)
        p, q = jnp.split(p, 2), jnp.split(q, 2 * q.shape[0] // t.shape[0])
        terms = [-(p[i] * q[j]).sum(-1).mean() for i in range(2) for j in range(len(q)) if i != j]
        return sum(terms) / len(terms), {"center": 0.9 * state["center"] + 0.1 * t.mean(0, keepdims=True)}


class Moco(Recipe):
    decay_all = True
    ema = ("momentum_encoder.", "base_encoder.")
    ema_first = True
    norms = {"base_encoder.head.": {1: 4096, 4: 4096, 7: 256}, "momentum_encoder.head.": {1: 4096, 4: 4096, 7: 256},
             "predictor.": {1: 4096, 4: 256}}

    def trained(self, name):
        return not (name.startswith("momentum_encoder.") or "patch_embed" in name or name.endswith("pos_embed"))

    def prepare(self, inputs):
        return {name: inputs[name] for name in ("view.0", "view.1")}

    def state(self):
        return {f"{prefix}{i}": (jnp.zeros(c), jnp.ones(c)) for prefix, layers in self.norms.items() for i, c in layers.items()}

    def contrast_mlp(self, network, x, layers, state):
        for i in range(layers):
            x = network.linear(str(3 * i), x).astype(jnp.float32)
            name, n = str(3 * i + 1), x.shape[0]
            mean, var = x.mean(0), x.var(0)
            running_mean, running_var = state[network.prefix + name]
            state[network.prefix + name] = (0.9 * running_mean + 0.1 * mean, 0.9 * running_var + 0.1 * var * (n / (n - 1)))
            x = (x - mean) * jax.lax.rsqrt(var + 1e-5)
            if name + ".weight" in network:
                x = x * network[name + ".weight"] + network[name + ".bias"]
            if i < layers - 1:
                x = jax.nn.relu(x)
        return x

    def loss(self, weights, state, inputs, hyper, dtype):
        state = dict(state)
        views = [inputs["view.0"], inputs["view.1"]]

        def encoded(name, v):
            tokens = Network(weights, name + ".", dtype).vit(v, self.model)
            return self.contrast_mlp(Network(weights, name + ".head.", dtype), tokens[:, 0], 3, state)

        q = [self.contrast_mlp(Network(weights, "predictor.", dtype), encoded("base_encoder", v), 2, state) for v in views]
        k = [jax.lax.stop_gradient(encoded("momentum_encoder", v)) for v in views]
        t = self.model["temperature"]

        def contrast(q, k):
            logits = normalized(q) @ normalized(k).T / t
            return 2 * t * cross_entropy(logits, jnp.arange(q.shape[0]))

        return contrast(q[0], k[1]) + contrast(q[1], k[0]), jax.lax.stop_gradient(state)


FAMILIES = {"vit": Classifier, "cct": Compact, "mae": Mae, "dino": Dino, "mocov3": Moco}


def average(recipe, weights, hyper):
    slow, fast = recipe.ema
    m = hyper["ema"]
    return {name: m * w + (1 - m) * weights[fast + name[len(slow):]] if name.startswith(slow) else w
            for name, w in weights.items()}


def train_step(recipe, dtype, weights, moments, state, inputs, hyper):
    if recipe.ema and recipe.ema_first:
        weights = average(recipe, weights, hyper)
    rest = {name: w for name, w in weights.items() if name not in moments}

    def loss_of(trained):
        return recipe.loss({**rest, **trained}, state, inputs, hyper, dtype)

    trained = {name: weights[name] for name in moments}
    (loss, state), grads = jax.value_and_grad(loss_of, has_aux=True)(trained)
    b1, b2 = hyper["b1"], hyper["b2"]
    new_weights, new_moments = dict(weights), {}
    for name, w in trained.items():
        g, (m, v) = grads[name], moments[name]
        if recipe.clip:
            g = g * jnp.minimum(recipe.clip / (jnp.sqrt((g * g).sum()) + 1e-6), 1)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        decay = hyper["weight_decay"] if recipe.decay_all or w.ndim > 1 else 0.0
        step = hyper["lr"] / hyper["correction1"] * m / (jnp.sqrt(v) / hyper["root_correction2"] + 1e-8)
        new_weights[name], new_moments[name] = w * (1 - hyper["lr"] * decay) - step, (m, v)
    if recipe.ema and not recipe.ema_first:
        new_weights = average(recipe, new_weights, hyper)
    return loss, new_weights, new_moments, state


class Trainer:
    def __init__(self, case, precision, path):
        arrays = dict(read_all(path))
        recipe = FAMILIES[case.family](case.model)
        inputs = {name: a for name, a in arrays.items() if is_input(name)}
        self.weights = {name: jnp.array(arrays.pop(name)) for name in list(arrays) if name not in inputs}
        self.moments = {name: (jnp.zeros_like(w), jnp.zeros_like(w)) for name, w in self.weights.items() if recipe.trained(name)}
        self.state = recipe.state()
        self.inputs = jax.tree.map(jnp.array, recipe.prepare(inputs))
        self.case, self.first, self.count = case, case.first_step, case.first_step
        dtype = jnp.bfloat16 if precision == "bf16" else jnp.float32
        self.jitted = jax.jit(functools.partial(train_step, recipe, dtype), donate_argnums=(0, 1, 2))
        jax.block_until_ready((self.weights, self.moments, self.inputs))

    def step(self):
        hyper = dict(self.case.hyper(self.count))
        self.count += 1
        hyper["b1"], hyper["b2"] = hyper.pop("betas")
        hyper["correction1"] = 1 - hyper["b1"] ** (self.count - self.first)
        hyper["root_correction2"] = (1 - hyper["b2"] ** (self.count - self.first)) ** 0.5
        hyper = {name: np.float32(value) for name, value in hyper.items()}
        loss, self.weights, self.moments, self.state = self.jitted(self.weights, self.moments, self.state, self.inputs, hyper)
        jax.block_until_ready(self.weights)
        return float(loss)


def is_input(name):
    return ".gate" in name or name.split(".")[0] in ("images", "labels", "x", "noise", "view", "global", "local")


def version():
    return jax.__version__
