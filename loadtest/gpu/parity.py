#!/usr/bin/env python3
"""Writes small random Llama checkpoints with the logits and greedy tokens that transformers gives.

parity.py FOLDER [--tiny]      needs torch, transformers and safetensors; --tiny is for the emulator

Each checkpoint has heads of 128, grouped-query attention of 4 or 8 heads, llama3 RoPE scaling that
begins at 64 tokens (so that short prompts exercise it), BF16 weights and norm weights that are not
ones. The reference is computed in float32 from the stored weights, with eager attention. Beside
config.json and model.safetensors lies golden.safetensors, with for prompt number i:

  prompt_i  [T] int32        token ids
  rows_i    [R] int32        positions that logits_i holds: all, or the last 8 of long prompts
  logits_i  [R, V] float32
  greedy_i  [N] int32        greedy continuation
  margin_i  [N] float32      greatest less second logit at each of its steps
"""
import argparse
import pathlib

import torch
import transformers
from safetensors.torch import save_file

LENGTHS = (17, 1, 2, 15, 16, 33, 64, 129, 300, 1000)
LONG, LAST_ROWS, GREEDY = 64, 8, 48
# hidden, heads, KV heads, feed-forward, layers, vocabulary
SHAPES = {"gqa4": (1024, 8, 2, 2816, 4, 2048), "gqa8": (2048, 16, 2, 4096, 3, 4096)}
TINY_SHAPES = {"gqa4": (512, 4, 1, 512, 2, 512), "gqa8": (1024, 8, 1, 512, 1, 512)}
TINY_LENGTHS, TINY_GREEDY = (17, 1, 70), 6


def config(hidden, heads, kv_heads, ffn, layers, vocab):
    scaling = {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    return transformers.LlamaConfig(
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=hidden // heads,
        intermediate_size=ffn,
        num_hidden_layers=layers,
        vocab_size=vocab,
        max_position_embeddings=4096,
        rms_norm_eps=1e-5,
        rope_theta=scaling["rope_theta"],
        rope_scaling=scaling,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=1,
        attn_implementation="eager",
    )


def random_model(shape, seed):
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(config(*shape))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 1:
                weight.uniform_(0.5, 1.5)
            else:
                # The head is wider, so that logits are far enough apart for greedy tokens to be told.
                weight.normal_(0, (3 if name.startswith("lm_head") else 1) / shape[0] ** 0.5)
    return model.to(torch.bfloat16)


@torch.no_grad()
def reference(model, prompt, steps):
    """Logits of every position of the prompt, and the greedy continuation with its margins."""
    output = model(torch.tensor([prompt]), use_cache=True)
    logits = output.logits[0]
    tokens, margins = [], []
    last = logits[-1]
    for _ in range(steps):
        (first, second), (token, _) = torch.topk(last, 2)
        tokens.append(token.item())
        margins.append((first - second).item())
        output = model(torch.tensor([[token.item()]]), past_key_values=output.past_key_values, use_cache=True)
        last = output.logits[0, -1]
    return logits, tokens, margins


def golden(model, lengths, steps, seed):
    numbers = torch.Generator().manual_seed(seed)
    tensors = {}
    for i, length in enumerate(lengths):
        prompt = torch.randint(2, model.config.vocab_size, (length,), generator=numbers).tolist()
        logits, tokens, margins = reference(model, prompt, steps)
        first = length - LAST_ROWS if length > LONG else 0
        tensors[f"prompt_{i}"] = torch.tensor(prompt, dtype=torch.int32)
        tensors[f"rows_{i}"] = torch.arange(first, length, dtype=torch.int32)
        tensors[f"logits_{i}"] = logits[first:].float().contiguous()
        tensors[f"greedy_{i}"] = torch.tensor(tokens, dtype=torch.int32)
        tensors[f"margin_{i}"] = torch.tensor(margins, dtype=torch.float32)
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    shapes, lengths, steps = (TINY_SHAPES, TINY_LENGTHS, TINY_GREEDY) if options.tiny else (SHAPES, LENGTHS, GREEDY)
    for seed, (name, shape) in enumerate(shapes.items(), 1):
        folder = options.folder / name
        model = random_model(shape, seed)
        model.save_pretrained(folder, safe_serialization=True)
        tensors = golden(model.float(), lengths, steps, seed)
        save_file(tensors, folder / "golden.safetensors")
        margins = torch.cat([tensors[f"margin_{i}"] for i in range(len(lengths))])
        print(f"{folder}: {sum(p.numel() for p in model.parameters()):,} weights, median margin {margins.median():.3f}")


main()
