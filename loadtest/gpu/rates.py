#!/usr/bin/env python3
"""Measures what a GPU reaches with its maker's libraries: the roofs that rates are compared with.

rates.py FILE.json        needs torch

Copy: 4 GiB within device memory, bytes read and written both counted. Matrix product: BF16, 8192
cubed, on random numbers (zeros run faster). Each is the median of ten after three warm-ups.
"""
import json
import statistics
import sys

import torch


def seconds(work, repeat=10):
    times = []
    for i in range(repeat + 3):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        if i >= 3:
            times.append(begin.elapsed_time(end) / 1e3)
    return statistics.median(times)


def main():
    n, size = 8192, 4 << 30
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    copy = 2 * size / seconds(lambda: target.copy_(source))
    del source, target
    a, b = (torch.randn(n, n, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    matmul = 2 * n**3 / seconds(lambda: a @ b)
    properties = torch.cuda.get_device_properties(0)
    found = {
        "device": properties.name,
        "multiprocessors": properties.multi_processor_count,
        "torch": torch.__version__,
        "copyBytesPerSecond": copy,
        "matmulFlopsPerSecond": matmul,
    }
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(found, file, indent=2)
    print(json.dumps(found, indent=2))


main()
