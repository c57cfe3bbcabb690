"""Makes index.json and cases.safetensors: python make.py, with torch 2.13.0 (CPU).

Layers of torch.nn.RNN and torch.nn.GRU on random numbers that float32 holds, computed in float64 and rounded; `float32_error` is
how far the same is off in float32, relative to the peak. Files and names are as in ../kernels.
"""

import json
import struct
from pathlib import Path

import torch

HERE = Path(__file__).parent
LAYERS = {"torch_rnn": torch.nn.RNN, "torch_gru": torch.nn.GRU}
CASES = {
    "plain": dict(batch=2, time=7, input=3, hidden=5, bias=True, state=False),
    "state": dict(batch=3, time=9, input=6, hidden=6, bias=True, state=True),
    "no_bias": dict(batch=1, time=5, input=2, hidden=4, bias=False, state=True),
    "token": dict(batch=2, time=1, input=5, hidden=9, bias=True, state=True),
    "long": dict(batch=1, time=130, input=4, hidden=17, bias=True, state=True),
}
SHORT = {"weight_ih_l0": "weight_ih", "weight_hh_l0": "weight_hh", "bias_ih_l0": "bias_ih", "bias_hh_l0": "bias_hh"}


def run(op, attrs, inputs, upstream, dtype):
    layer = LAYERS[op](attrs["input"], attrs["hidden"], bias=attrs["bias"], batch_first=True, dtype=dtype)
    given = {name: value.to(dtype).requires_grad_() for name, value in inputs.items()}
    parameters = {long: given[short] for long, short in SHORT.items() if short in given}
    args = (given["x"],) + ((given["h0"],) if attrs["state"] else ())
    y, last = torch.func.functional_call(layer, parameters, args)
    outputs = {"y": y, "h": last}
    loss = sum((outputs[name] * upstream[name].to(dtype)).sum() for name in outputs)
    gradients = dict(zip(given, torch.autograd.grad(loss, list(given.values()))))
    return {name: value.detach() for name, value in outputs.items()}, gradients


def make(op, attrs, seed):
    random = torch.Generator().manual_seed(seed)
    gates = 3 if op == "torch_gru" else 1
    batch, time, width, hidden = (attrs[name] for name in ("batch", "time", "input", "hidden"))

    def draw(*shape, bound=1.0):
        return (2 * torch.rand(*shape, generator=random) - 1) * bound

    bound = hidden**-0.5
    inputs = {
        "x": draw(batch, time, width),
        "weight_ih": draw(gates * hidden, width, bound=bound),
        "weight_hh": draw(gates * hidden, hidden, bound=bound),
    }
    if attrs["bias"]:
        inputs |= {name: draw(gates * hidden, bound=bound) for name in ("bias_ih", "bias_hh")}
    if attrs["state"]:
        inputs["h0"] = draw(1, batch, hidden)
    upstream = {"y": draw(batch, time, hidden), "h": draw(1, batch, hidden)}
    outputs, gradients = run(op, attrs, inputs, upstream, torch.float64)
    rough_outputs, rough_gradients = run(op, attrs, inputs, upstream, torch.float32)
    errors = {}
    for kind, exact, rough in (("out", outputs, rough_outputs), ("gin", gradients, rough_gradients)):
        for name, value in exact.items():
            error = (rough[name] - value).abs().max() / value.abs().max()
            errors[f"{kind}.{name}"] = {"max_rel_to_peak": float(f"{error.item():.3g}")}
    groups = {"in": inputs, "out": outputs, "gout": upstream, "gin": gradients}
    return groups, errors


def main():
    cases, tensors = [], {}
    for seed, (op, (name, attrs)) in enumerate((op, case) for op in LAYERS for case in CASES.items()):
        groups, errors = make(op, attrs, seed)
        prefix = f"{op}.{name}/"
        for kind, values in groups.items():
            tensors |= {f"{prefix}{kind}.{key}": value.detach().float().contiguous() for key, value in values.items()}
        shapes = {kind: {key: {"shape": list(value.shape)} for key, value in groups[kind].items()} for kind in ("in", "out")}
        cases.append({
            "id": f"{op}/{name}", "op": op, "file": "cases.safetensors", "prefix": prefix, "attrs": attrs,
            "inputs": shapes["in"], "outputs": shapes["out"],
            "grad_outputs": list(groups["gout"]), "grad_inputs": list(groups["gin"]),
            "reference": f"torch.nn.{LAYERS[op].__name__}", "float32_error": errors,
        })
    source = {"library": "torch", "version": torch.__version__.split("+")[0]}
    (HERE / "index.json").write_text(json.dumps({"from": source, "cases": cases}, indent=1) + "\n")

    header, data = {}, b""
    for name, tensor in tensors.items():
        payload = tensor.numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(payload)]}
        data += payload
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (HERE / "cases.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


main()
