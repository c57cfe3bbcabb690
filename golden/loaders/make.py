"""Makes the golden files of @elapid/loaders: python make.py, with torch 2.13.0 (CPU).

mamba-sharded/ and ss-mamba1-mlp/ are tiny random checkpoints as transformers 5.18.0 and mamba_ssm
e9594ce1c7 save them. This script adds tensors.pt, which has every dtype and layout that torch.save
writes, three other writings of it, and expected.json: dtype, shape and bytes of every tensor as PyTorch
reads them (as a SHA-256 digest where they are many).
"""

import hashlib
import json
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch

HERE = Path(__file__).parent
DTYPES = {
    torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16",
    torch.int64: "i64", torch.int32: "i32", torch.int16: "i16", torch.int8: "i8",
    torch.uint64: "u64", torch.uint32: "u32", torch.uint16: "u16", torch.uint8: "u8", torch.bool: "bool",
}
SAFETENSORS = {"F32": "f32", "F16": "f16", "BF16": "bf16"}


def describe(dtype, shape, data):
    entry = {"dtype": dtype, "shape": list(shape)}
    return entry | ({"hex": data.hex()} if len(data) <= 256 else {"sha256": hashlib.sha256(data).hexdigest()})


def describe_tensor(tensor):
    tensor = tensor.detach().contiguous()
    data = bytes(tensor.flatten().view(torch.uint8).numpy()) if tensor.dim() else bytes(tensor.reshape(1).view(torch.uint8).numpy())
    return describe(DTYPES[tensor.dtype], tensor.shape, data)


def tensors():
    torch.manual_seed(0)
    grid = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) - 7.5
    tied = torch.randn(5, 3)
    state = OrderedDict((f"dtype.{name}", torch.arange(6).reshape(2, 3).to(dtype)) for dtype, name in DTYPES.items())
    state |= {
        "layout.transposed": grid.permute(2, 0, 1),
        "layout.every_other": grid[:, 1:, ::2],
        "layout.expanded": torch.tensor([[1.5], [2.5]]).expand(2, 4),
        "layout.transposed_half": grid.half().mT,
        "layout.transposed_double": grid.double().mT,
        "layout.window": tied[2:4],
        "layout.column": grid[:, :, 1:2],
        "scalar": torch.tensor(3.25),
        "empty": torch.zeros(0, 4),
        "parameter": torch.nn.Parameter(torch.tensor([1.0, float("nan"), float("-inf")])),
        "tied.embedding": tied,
        "tied.head": tied,
    }
    return state


def rezip(source, target, method):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", method) as new:
        for entry in old.infolist():
            new.writestr(zipfile.ZipInfo(entry.filename), old.read(entry), method)


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        yield name, describe(SAFETENSORS[entry["dtype"]], entry["shape"], data[begin:end])


state = tensors()
checkpoint = {"epoch": 3, "lr": 1e-3, "big": 2**70, "size": torch.Size([2, 3]), "state_dict": state, "steps": [1, (2, None)], "optimizer": {0: {"step": torch.tensor(1.0)}}}
torch.save(checkpoint, HERE / "tensors.pt")
torch.save(state, HERE / "tensors.protocol4.pt", pickle_protocol=4)
torch.save(OrderedDict(weight=torch.ones(2)), HERE / "legacy.pt", _use_new_zipfile_serialization=False)
rezip(HERE / "tensors.pt", HERE / "tensors.deflated.pt", zipfile.ZIP_DEFLATED)

expected = {
    "tensors.pt": {name: describe_tensor(tensor) for name, tensor in state.items()},
    "ss-mamba1-mlp": {name: describe_tensor(tensor) for name, tensor in torch.load(HERE / "ss-mamba1-mlp/pytorch_model.bin", weights_only=True).items()},
    "mamba-sharded": dict(sorted(item for path in sorted((HERE / "mamba-sharded").glob("*.safetensors")) for item in read_safetensors(path))),
}
(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
