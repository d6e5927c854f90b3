"""The update of soft Q-learning in PyTorch (compiled, CUDA graphs) and JAX (jit, scan), against softq's own numbers.

    node dist/bench/fixture.js update.json
    python3 bench/peers/cuda.py update.json [--library numpy|torch|jax] [--updates N]

Checks first that the library comes to softq's critic losses and weights after three updates, from the same weights,
minibatches, actions and noise; a difference ends it with exit code 1. Then prints updates a second as one line of JSON a
library. The formulas (`UPDATE` below) are written once, over the part of the array interface that the libraries share, and
are checked with numpy in float64, which times nothing. The parts that need a GPU (CUDA graphs, scan on the device) have
NOT BEEN RUN yet: there was no CUDA machine at hand.
"""

import argparse
import json
import math
import sys
import time

import numpy as np

# As in bench/support/agreement.ts, where the reasons are.
LOSS_TOLERANCE = 2e-5
PARAMETER_TOLERANCE = {"q": 1e-4, "policy": 2e-3}


def load(path):
    """The problem and softq's outcome, arrays in their shapes."""
    with open(path) as file:
        fixture = json.load(file)
    c = fixture["constants"]
    particles = c["fixedParticles"] + c["updatedParticles"]
    shapes = {
        "observation": (c["states"], c["observationSize"]),
        "action": (c["states"], c["actionSize"]),
        "reward": (c["states"],),
        "nextObservation": (c["states"], c["observationSize"]),
        "terminated": (c["states"],),
        "valueActions": (c["states"], c["valueParticles"], c["actionSize"]),
        "noise": (particles, c["states"], c["latentSize"]),
    }

    def net(layers):
        return [
            array
            for layer in layers
            for array in (np.reshape(layer["weight"], (layer["inputs"], layer["outputs"])), np.array(layer["bias"]))
        ]

    inputs = [{key: np.reshape(one[key], shape) for key, shape in shapes.items()} for one in fixture["inputs"]]
    return c, fixture["adam"], {"q": net(fixture["q"]), "policy": net(fixture["policy"])}, inputs, fixture["outcome"]


class Update:
    """One update over numpy, torch or jax.numpy arrays: `xp` is the module, `median` the lower median of the rows of a matrix.

    Gradients are written out by hand, so that one text serves three libraries and the compilers see plain array code. A
    network is a list W1, b1, W2, b2, ...; layers have ReLU between them.
    """

    def __init__(self, xp, constants, adam, median):
        self.xp, self.c, self.adam, self.median = xp, constants, adam, median

    def forward(self, net, x):
        """The inputs of every layer, and the output."""
        inputs = []
        for i in range(0, len(net), 2):
            inputs.append(x)
            x = x @ net[i] + net[i + 1]
            if i + 2 < len(net):
                x = x * (x > 0)
        return inputs, x

    def backward(self, net, inputs, gradient, parameters=True):
        """dL/dnet (None where not asked for) and dL/dx from dL/dy."""
        found = [None] * len(net)
        for i in reversed(range(0, len(net), 2)):
            x = inputs[i // 2]
            if parameters:
                found[i], found[i + 1] = x.T @ gradient, gradient.sum(0)
            if i > 0 or not parameters:
                gradient = gradient @ net[i].T
                if i > 0:
                    gradient = gradient * (x > 0)
        return found, gradient

    def concatenate(self, parts):
        return self.xp.concatenate(parts, 1)

    def target(self, net, b):
        """y = r + discount (1 - terminated) V(s') with V of eq. 10."""
        xp, c = self.xp, self.c
        states, particles = c["states"], c["valueParticles"]
        rows = xp.broadcast_to(b["nextObservation"][:, None, :], (states, particles, c["observationSize"]))
        rows = self.concatenate(
            [rows.reshape(states * particles, -1), b["valueActions"].reshape(states * particles, -1)]
        )
        q = self.forward(net, rows)[1].reshape(states, particles) / c["temperature"]
        top = xp.amax(q, 1)
        mean = xp.exp(q - top[:, None]).mean(1)
        value = c["temperature"] * (top + xp.log(mean) + c["actionSize"] * math.log(2))
        return c["rewardScale"] * b["reward"] + c["discount"] * (1 - b["terminated"]) * value

    def critic(self, net, target_net, b):
        """Eq. 11: the loss and its gradient."""
        inputs, prediction = self.forward(net, self.concatenate([b["observation"], b["action"]]))
        error = prediction[:, 0] - self.target(target_net, b)
        return 0.5 * (error * error).mean(), self.backward(net, inputs, error[:, None] / self.c["states"])[0]

    def policy(self, net, q_net, b):
        """Eq. 13 and 14: the gradient of the sampling network."""
        xp, c = self.xp, self.c
        states, fixed, updated = c["states"], c["fixedParticles"], c["updatedParticles"]
        size = c["actionSize"]

        def rows(noise):
            s = xp.broadcast_to(b["observation"][None], (len(noise), states, c["observationSize"]))
            return self.concatenate([s.reshape(len(noise) * states, -1), noise.reshape(len(noise) * states, -1)])

        x = xp.tanh(self.forward(net, rows(b["noise"][:fixed]))[1])
        inputs, u = self.forward(net, rows(b["noise"][fixed:]))
        s = xp.broadcast_to(b["observation"][None], (fixed, states, c["observationSize"])).reshape(fixed * states, -1)
        q_inputs, q = self.forward(q_net, self.concatenate([s, x]))
        slope = self.backward(q_net, q_inputs, xp.ones_like(q), parameters=False)[1][:, c["observationSize"] :]
        x, slope = x.reshape(fixed, 1, states, size), slope.reshape(fixed, 1, states, size)
        difference = x - xp.tanh(u).reshape(1, updated, states, size)
        squared = (difference * difference).sum(3)
        h = self.median(squared.reshape(fixed * updated, states).T) / c["bandwidthDivisor"]
        h = xp.clip(h, c["bandwidthFloor"], None)
        kappa = xp.exp(-squared / h)[..., None]
        jacobian = 1 - x * x
        score = jacobian * slope / c["temperature"] - 2 * x
        phi = (kappa * (score - 2 / h[:, None] * difference * jacobian)).mean(0)
        return self.backward(net, inputs, phi.reshape(updated * states, size) * (-1 / (states * updated)))[0]

    def descend(self, state, gradient, rate, t):
        """Adam; `t` counts from 1."""
        xp, (beta1, beta2, epsilon) = self.xp, (self.adam["beta1"], self.adam["beta2"], self.adam["epsilon"])
        mean = [m + (1 - beta1) * (g - m) for m, g in zip(state["mean"], gradient)]
        square = [v + (1 - beta2) * (g * g - v) for v, g in zip(state["square"], gradient)]
        first, second = -1 / xp.expm1(t * math.log(beta1)), -1 / xp.expm1(t * math.log(beta2))
        net = [
            p - rate * first * m / (xp.sqrt(v * second) + epsilon) for p, m, v in zip(state["net"], mean, square)
        ]
        return {"net": net, "mean": mean, "square": square}

    def __call__(self, state, b):
        """Both gradients at the parameters of before, then both steps, then the target network."""
        c, t = self.c, state["t"] + 1
        loss, critic = self.critic(state["q"]["net"], state["target"], b)
        policy = self.policy(state["policy"]["net"], state["q"]["net"], b)
        q = self.descend(state["q"], critic, c["criticLearningRate"], t)
        moved = self.descend(state["policy"], policy, c["policyLearningRate"], t)
        target = [old + c["targetTau"] * (new - old) for old, new in zip(state["target"], q["net"])]
        return {"q": q, "policy": moved, "target": target, "t": t}, loss


def start(nets, array):
    """The state before the first update; `array` makes one of the library's."""

    def learned(net):
        zeros = lambda: [array(np.zeros_like(p)) for p in net]
        return {"net": [array(p) for p in net], "mean": zeros(), "square": zeros()}

    target = [array(p) for p in nets["q"]]
    return {"q": learned(nets["q"]), "policy": learned(nets["policy"]), "target": target, "t": array(np.zeros(()))}


def check(update, state, inputs, nets, outcome, host=np.asarray):
    """Does the first updates and compares; ends the program where they differ. Returns the state after them."""
    for i, b in enumerate(inputs):
        state, loss = update(state, b)
        ours, loss = outcome["losses"][i], float(host(loss))
        if not abs(loss - ours) / ours < LOSS_TOLERANCE:
            sys.exit(f"the critic loss of update {i + 1} is {loss}, softq's {ours}")
    for name, tolerance in PARAMETER_TOLERANCE.items():
        flat = lambda net: np.concatenate([np.ravel(host(p)) for p in net])
        ours = np.array(outcome["parameters"][name])
        distance, movement = flat(state[name]["net"]) - ours, ours - flat(nets[name])
        share = float(np.sqrt((distance**2).mean() / (movement**2).mean()))
        if not share < tolerance:
            sys.exit(f"the parameters of '{name}' differ from softq's by {share:.1e} of their movement")
    return state


def run_numpy(c, adam, nets, inputs, outcome, updates):
    rank = c["fixedParticles"] * c["updatedParticles"]
    update = Update(np, c, adam, lambda d: np.sort(d, 1)[:, rank - 1 - rank // 2])
    check(update, start(nets, np.array), inputs, nets, outcome)
    return None


def run_torch(c, adam, nets, inputs, outcome, updates):
    """One update is captured as a CUDA graph and replayed; the minibatches lie on the device and are copied in."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    array = lambda x: torch.tensor(np.asarray(x), dtype=torch.float32, device="cuda")
    inputs = [{key: array(value) for key, value in b.items()} for b in inputs]
    update = Update(torch, c, adam, lambda d: d.median(1).values)  # torch's median is the lower one
    compiled = torch.compile(update.__call__, fullgraph=True)
    host = lambda x: x.detach().cpu().numpy() if torch.is_tensor(x) else np.asarray(x)
    with torch.no_grad():
        state = check(compiled, start(nets, array), inputs, nets, outcome, host)
        leaves = lambda s: [*s["q"]["net"], *s["q"]["mean"], *s["q"]["square"], *s["policy"]["net"]] + [
            *s["policy"]["mean"],
            *s["policy"]["square"],
            *s["target"],
            s["t"],
        ]
        # A graph works on fixed addresses: its result is copied over its own input.
        batch = {key: value.clone() for key, value in inputs[0].items()}
        state = json_like_clone(state)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                compiled(state, batch)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            moved, _ = compiled(state, batch)
            torch._foreach_copy_(leaves(state), leaves(moved))

        def run(count):
            for i in range(count):
                for key, value in inputs[i % len(inputs)].items():
                    batch[key].copy_(value)
                graph.replay()
            torch.cuda.synchronize()

        return rate(run, updates), torch.__version__


def json_like_clone(tree):
    """A copy of dicts, lists and tensors, the tensors too."""
    if isinstance(tree, dict):
        return {key: json_like_clone(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [json_like_clone(value) for value in tree]
    return tree.clone()


def run_jax(c, adam, nets, inputs, outcome, updates):
    """All updates in one compiled scan over the minibatches, which lie on the device."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_default_matmul_precision", "highest")
    array = lambda x: jnp.asarray(x, jnp.float32)
    inputs = [{key: array(value) for key, value in b.items()} for b in inputs]
    rank = c["fixedParticles"] * c["updatedParticles"]
    update = Update(jnp, c, adam, lambda d: jnp.sort(d, 1)[:, rank - 1 - rank // 2])
    state = check(jax.jit(update.__call__), start(nets, array), inputs, nets, outcome)
    stacked = {key: jnp.stack([b[key] for b in inputs]) for key in inputs[0]}

    def scan(state, count):
        pick = lambda i: {key: value[i % len(inputs)] for key, value in stacked.items()}
        return jax.lax.scan(lambda s, i: update(s, pick(i)), state, jnp.arange(count))

    compiled = jax.jit(scan, static_argnums=1)

    def run(count):
        jax.block_until_ready(compiled(state, count))

    return rate(run, updates), jax.__version__


def rate(run, updates):
    """Updates a second, the median of five."""
    run(updates)
    rates = []
    for _ in range(5):
        began = time.perf_counter()
        run(updates)
        rates.append(updates / (time.perf_counter() - began))
    return sorted(rates)[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fixture", help="made by dist/bench/fixture.js")
    parser.add_argument("--library", choices=["numpy", "torch", "jax"], action="append")
    parser.add_argument("--updates", type=int, default=1000)
    options = parser.parse_args()
    for library in options.library or ["torch", "jax"]:
        found = globals()[f"run_{library}"](*load(options.fixture), options.updates)
        numbers = {"losses": "equal"} if found is None else {"updates/s by wall": found[0], "version": found[1]}
        print(json.dumps({"name": "update", "library": library, **numbers}))


if __name__ == "__main__":
    main()
