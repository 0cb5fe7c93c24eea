#!/usr/bin/env python3
"""Whether one key can tell by the clock which prompts another key has sent.

prefix_timing.py --model LABEL_OR_FILE --pairs N --out FILE.json [--words W] [--port P]

Starts a server with two keys. In each round the first key sends a fresh prompt; the second key then
sends that very prompt (a hit if prefixes were shared) and another fresh one (a miss), in random
order; and as a control the first key sends its own prompt again (a true hit). Times until the
first token are compared by the two-sample Kolmogorov-Smirnov test: across keys p should be far from
0, within a key close to it. Python 3.9, no packages. Build first: ./chasqui --help
"""
import argparse
import datetime
import http.client
import json
import math
import os
import pathlib
import platform
import random
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEYS = ("sk-timing-first", "sk-timing-second")
WORDS = "river stone lamp cloud apple ladder window music paper bread garden needle copper island".split()


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True)
    p.add_argument("--pairs", type=int, default=300)
    p.add_argument("--words", type=int, default=120)
    p.add_argument("--port", type=int, default=8123)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--out", type=pathlib.Path, required=True)
    return p.parse_args()


class Client:
    """One key on a connection of its own."""

    def __init__(self, port, key):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}

    def first_token(self, model, prompt):
        """Seconds until the first token, and prompt tokens that the cache held."""
        body = json.dumps({"model": model, "prompt": prompt, "max_tokens": 1, "temperature": 0})
        start = time.perf_counter()
        self.connection.request("POST", "/v1/completions", body, self.headers)
        response = self.connection.getresponse()
        data = json.loads(response.read())
        seconds = time.perf_counter() - start
        if response.status != 200:
            sys.exit(f"{response.status}: {data}")
        return seconds, data["usage"]["prompt_tokens_details"]["cached_tokens"]

    def models(self):
        self.connection.request("GET", "/v1/models", headers=self.headers)
        return json.loads(self.connection.getresponse().read())["data"]


def wait_until_ready(port, server):
    for _ in range(600):
        if server.poll() is not None:
            sys.exit("the server ended")
        try:
            probe = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            probe.request("GET", "/readyz")
            if probe.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.5)
    sys.exit("the server does not become ready")


def kolmogorov_smirnov(a, b):
    """Largest distance of the two empirical distributions and its asymptotic p value."""
    a, b = sorted(a), sorted(b)
    i = j = 0
    distance = 0.0
    while i < len(a) and j < len(b):
        x = min(a[i], b[j])
        while i < len(a) and a[i] <= x:
            i += 1
        while j < len(b) and b[j] <= x:
            j += 1
        distance = max(distance, abs(i / len(a) - j / len(b)))
    n = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    t = (n + 0.12 + 0.11 / n) * distance
    if t < 0.2:
        return distance, 1.0
    p = 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * t * t) for k in range(1, 101))
    return distance, min(1.0, max(0.0, p))


def cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    rng = random.Random(args.seed)

    def fresh():
        return " ".join([str(rng.getrandbits(60))] + [rng.choice(WORDS) for _ in range(args.words)])

    environment = dict(os.environ, CHASQUI_API_KEY=",".join(KEYS))
    command = [str(ROOT / "chasqui"), "serve", args.model, "--port", str(args.port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(args.port, server)
        first, second = Client(args.port, KEYS[0]), Client(args.port, KEYS[1])
        model = first.models()[0]["id"]
        for _ in range(20):
            first.first_token(model, fresh())
            second.first_token(model, fresh())
        times = {"shared": [], "fresh": [], "own": []}
        cached = {"shared": 0, "fresh": 0, "own": 0}

        def measure(name, client, prompt):
            seconds, tokens = client.first_token(model, prompt)
            times[name].append(seconds)
            cached[name] += tokens

        for _ in range(args.pairs):
            prompt = fresh()
            first.first_token(model, prompt)
            pair = [("shared", second, prompt), ("fresh", second, fresh()), ("own", first, prompt)]
            rng.shuffle(pair)
            for name, client, text in pair:
                measure(name, client, text)
    finally:
        server.terminate()
        server.wait()
    across = kolmogorov_smirnov(times["shared"], times["fresh"])
    within = kolmogorov_smirnov(times["own"], times["fresh"])
    result = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "model": model,
        "pairs": args.pairs,
        "cachedTokens": cached,
        "medianMs": {name: round(1000 * statistics.median(t), 3) for name, t in times.items()},
        "acrossKeys": {"D": across[0], "p": across[1]},
        "withinKey": {"D": within[0], "p": within[1]},
        "seconds": times,
    }
    args.out.write_text(json.dumps(result) + "\n")
    del result["seconds"]
    print(json.dumps(result, indent=2))


main()
