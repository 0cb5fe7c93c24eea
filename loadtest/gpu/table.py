#!/usr/bin/env python3
"""Writes README.md in a folder of results of prove.sh: one table of the steps, one of the rates.

table.py FOLDER          needs only Python's standard library
"""
import json
import pathlib
import sys


def read(path):
    return json.loads(path.read_text()) if path.exists() else {}


def steps(folder):
    yield "| step | result | seconds | remark |"
    yield "|---|---|---|---|"
    for line in (folder / "steps.tsv").read_text().splitlines():
        name, result, seconds, remark = line.split("\t")
        remark = remark.replace("|", "\\|") or finding(folder, name)
        yield f"| {name} | {'**' + result + '**' if result in ('failed', 'timed out') else result} | {seconds} | {remark} |"


def finding(folder, step):
    """What a step that passed has found, in a few words."""
    if step == "selftest":
        return f"{len(read(folder / 'selftest.json').get('checks', []))} checks"
    if step == "parity":
        found = [read(path).get("parity", {}) for path in sorted(folder.glob("parity-*.json"))]
        worst = max((p.get("worstRelativeError", 0) for p in found), default=0)
        equal, compared = (sum(p.get(key, 0) for p in found) for key in ("greedyEqual", "greedyCompared"))
        return f"{len(found)} checkpoints, worst row of logits {worst:.2e}, {equal} of {compared} greedy tokens equal"
    if step == "invariance":
        found = read(folder / "invariance.json").get("invariance", {})
        return f"{found.get('differing')} of {found.get('trials')} trials differ, seed {found.get('seed')}"
    return ""


def device(folder):
    found = read(folder / "selftest.json").get("device") or {}
    return ", ".join(f"{key} {value}" for key, value in found.items())


def roofs(folder):
    """Bytes and operations per second that this device reaches; 0 where that is not known."""
    own, torch = read(folder / "device.json"), read(folder / "rates.json")
    copy = max(own.get("copyBytesPerSecond", 0), torch.get("copyBytesPerSecond", 0))
    ours = own.get("matmul", {}).get("flopsPerSecond", 0)
    return copy, ours, max(ours, torch.get("matmulFlopsPerSecond", 0))


def rates(folder):
    copy, ours, matmul = roofs(folder)
    products = f"{ours / 1e12:.0f} TFLOP/s with our kernels, {matmul / 1e12:.0f} at best (torch, if it was there)"
    yield f"Copies {copy / 1e9:.0f} GB/s, read and written; BF16 matrix product of 8192 cubed: {products}."
    yield "A rate's share of the roof is the greater of its bytes' and its operations' share."
    if folder.name.endswith("emulator"):
        yield "**A rehearsal on the emulator: these rates mean nothing.**"
    yield ""
    yield "| phase | batch | tokens | depth | tok/s (min - max) | GB/s | TFLOP/s | share of the roof | transformers |"
    yield "|---|---|---|---|---|---|---|---|---|"
    others = {
        (m["phase"], m["batch"], m["length"], m["depth"]): m["tokensPerSecond"]
        for m in read(folder / "transformers.json").get("measurements", [])
    }
    paths = [folder / "decode.json", *sorted(folder.glob("prefill-*.json"), key=by_length), folder / "context.json"]
    for path in paths:
        for m in read(path).get("measurements", []):
            shares = [m["gigabytesPerSecond"] * 1e9 / copy] if copy else []
            shares += [m["gigaflopsPerSecond"] * 1e9 / matmul] if matmul else []
            key = (m["phase"], m["batch"], m["length"], m["depth"])
            other = f"{others[key]:.1f} tok/s" if key in others else ""
            yield (
                f"| {m['phase']}{' (cut model)' if path.stem == 'context' else ''} | {m['batch']} | {m['length']} | {m['depth']} "
                f"| {m['tokensPerSecond']:.1f} ({m['min']:.1f} - {m['max']:.1f}) | {m['gigabytesPerSecond']:.1f} "
                f"| {m['gigaflopsPerSecond'] / 1e3:.2f} | {max(shares, default=0):.2f} | {other} |"
            )


def by_length(path):
    return int(path.stem.rpartition("-")[2])


def serving(folder):
    found = read(folder / "server.json").get("serving")
    if found:
        yield ""
        yield (
            f"Server: {found['concurrency']} streams, {found['completed']} requests: "
            f"{found['outputTokensPerSecond']:.0f} output tok/s, {found['totalTokensPerSecond']:.0f} with prompts; "
            f"TTFT p50 {found['ttftMillis']['p50']:.0f} ms, p99 {found['ttftMillis']['p99']:.0f}; "
            f"TPOT p50 {found['tpotMillis']['p50']:.2f} ms, p99 {found['tpotMillis']['p99']:.2f}."
        )


def main():
    folder = pathlib.Path(sys.argv[1])
    lines = [f"# {folder.resolve().name}", "", device(folder), "", *steps(folder), "", *rates(folder), *serving(folder)]
    (folder / "README.md").write_text("\n".join(lines) + "\n")


main()
