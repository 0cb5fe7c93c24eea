#!/usr/bin/env python3
"""Measures Hugging Face transformers with a static cache and torch.compile, on the shapes of prove.sh.

transformers_rates.py FILE.json [--tiny]      needs torch and transformers; --tiny runs anywhere

Random BF16 weights of Llama 3.1 8B geometry. Decode: steps of one token of each of B sequences, from
a cache of 1,024 tokens on, greedy. Prefill: one sequence, logits of its last token. After warm-ups the
median of the passes counts. FILE is written anew after each shape, so that a time limit keeps the rest.
"""
import argparse
import json
import statistics
import time

import torch
import transformers

BATCHES, DEPTH, STEPS, PROMPTS = (1, 64, 8, 256), 1024, 64, (1024, 8192, 2048)
CHUNK = 8192  # tokens of one pass that fills a cache


def model(tiny, device):
    size = (
        dict(hidden_size=256, num_attention_heads=2, num_key_value_heads=1, intermediate_size=512, num_hidden_layers=2, vocab_size=512)
        if tiny
        else dict(hidden_size=4096, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336, num_hidden_layers=32, vocab_size=128256)
    )
    config = transformers.LlamaConfig(**size, max_position_embeddings=131072, rope_theta=500000.0, attn_implementation="sdpa")
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        made = transformers.LlamaForCausalLM(config)
    return made.eval()


def cache(made, batch, length, device):
    try:
        return transformers.StaticCache(config=made.config, max_cache_len=length)
    except TypeError:  # before transformers 5
        return transformers.StaticCache(
            config=made.config, max_batch_size=batch, max_cache_len=length, device=device, dtype=torch.bfloat16
        )


def synchronise(device):
    if device == "cuda":
        torch.cuda.synchronize()


def timed(device, work):
    synchronise(device)
    begin = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - begin


def forward(run, tokens, past, position):
    places = torch.arange(position, position + tokens.shape[1], device=tokens.device)
    return run(
        input_ids=tokens,
        past_key_values=past,
        cache_position=places,
        position_ids=places.unsqueeze(0).expand(tokens.shape),
        logits_to_keep=1,
    ).logits


def decode(made, compiled, batch, depth, steps, device):
    past = cache(made, batch, depth + 2 * steps, device)
    width = max(1, CHUNK // batch)
    for at in range(0, depth, width):
        tokens = torch.randint(0, made.config.vocab_size, (batch, min(width, depth - at)), device=device)
        forward(made, tokens, past, at)
    token = torch.randint(0, made.config.vocab_size, (batch, 1), device=device)

    def step(position):
        token.copy_(forward(compiled, token, past, position)[:, -1:].argmax(-1))

    for position in range(depth, depth + steps // 2):
        step(position)
    times = [timed(device, lambda p=position: step(p)) for position in range(depth, depth + steps)]
    return batch / statistics.median(times)


def prefill(made, compiled, length, device, repeat=3):
    tokens = torch.randint(0, made.config.vocab_size, (1, length), device=device)
    past = cache(made, 1, length, device)
    times = []
    for _ in range(2 + repeat):
        past.reset()
        times.append(timed(device, lambda: forward(compiled, tokens, past, 0)))
    return length / statistics.median(times[2:])


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    device = "cpu" if options.tiny or not torch.cuda.is_available() else "cuda"
    batches, depth, steps, prompts = ((1, 3), 32, 4, (16, 40)) if options.tiny else (BATCHES, DEPTH, STEPS, PROMPTS)
    made = model(options.tiny, device)
    # Graphs pay for decode only; a prompt's kernels are long enough to hide their launches.
    fast = made if options.tiny else torch.compile(made, mode="reduce-overhead", fullgraph=True)
    plain = made if options.tiny else torch.compile(made, dynamic=False)
    report = {"torch": torch.__version__, "transformers": transformers.__version__, "measurements": []}

    def record(phase, batch, length, at, rate):
        found = {"phase": phase, "batch": batch, "length": length, "depth": at, "tokensPerSecond": rate}
        print(found, flush=True)
        report["measurements"].append(found)
        with open(options.file, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)

    for batch in batches:
        record("decode", batch, steps, depth, decode(made, fast, batch, depth, steps, device))
    for length in prompts:
        record("prefill", 1, length, 0, prefill(made, plain, length, device))


main()
