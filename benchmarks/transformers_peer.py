"""What transformers makes of a model's folder.

Reads one JSON object from standard input: folder, the texts to encode, the text whose logits are wanted, and the number of
tokens to continue it by. Prints one: what did not fit, ids and decoded texts, logits, and the greedy continuation.
"""

import json
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
asked = json.load(sys.stdin)
model, report = AutoModelForCausalLM.from_pretrained(asked["folder"], dtype=torch.float32, output_loading_info=True)
tokenizer = AutoTokenizer.from_pretrained(asked["folder"])
encoded = [tokenizer(text)["input_ids"] for text in asked["texts"]]
ids = torch.tensor([tokenizer(asked["prompt"])["input_ids"]])
with torch.no_grad():
    logits = model(ids).logits[0]
    continued = model.generate(ids, do_sample=False, max_new_tokens=asked["tokens"])[0, ids.shape[1] :]
print(
    json.dumps(
        {
            "version": transformers.__version__,
            "model": type(model).__name__,
            "misfits": [f"{what}: {name}" for what, names in report.items() for name in sorted(map(str, names))],
            "texts": [{"ids": each, "text": tokenizer.decode(each)} for each in encoded],
            "logits": logits.flatten().tolist(),
            "continued": tokenizer.decode(continued, skip_special_tokens=True),
        }
    )
)
