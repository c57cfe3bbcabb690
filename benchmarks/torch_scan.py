"""Times the autograd function `Scan` of torch_mamba_step.py beside this file, forward and backward.

    python torch_scan.py --batch 8 --len 256 --inner 512 --state 16 --threads 2 --steps 5

Prints one JSON line: the seconds of each step.
"""
import argparse, ast, json, pathlib, time
import torch

# the script runs when it is imported, so that the class is taken out of its text
source = ast.parse((pathlib.Path(__file__).parent / "torch_mamba_step.py").read_text())
scan = [node for node in source.body if isinstance(node, ast.ClassDef) and node.name == "Scan"]
exec(compile(ast.Module(scan, []), "torch_mamba_step.py", "exec"))

p = argparse.ArgumentParser()
for name in ("batch", "len", "inner", "state", "threads", "steps"): p.add_argument("--" + name, type=int, required=True)
a = p.parse_args(); torch.manual_seed(0); torch.set_num_threads(a.threads)
u, z, w = (torch.randn(a.batch, a.len, a.inner) for _ in range(3))
delta = torch.nn.functional.softplus(z - 2)
B, C = (torch.randn(a.batch, a.len, a.state) for _ in range(2))
A = -torch.arange(1, a.state + 1.0).repeat(a.inner, 1)
inputs = [x.requires_grad_() for x in (u, delta.detach(), A, B, C)]
seconds = []
for _ in range(a.steps + 1):
    start = time.perf_counter()
    (Scan.apply(*inputs) * w).sum().backward()
    seconds.append(time.perf_counter() - start)
    for x in inputs: x.grad = None
print(json.dumps({"torch": torch.__version__, "seconds": seconds[1:]}))
