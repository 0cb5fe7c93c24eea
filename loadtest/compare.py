#!/usr/bin/env python3
"""Chasqui against llama.cpp on this machine: interleaved rounds, ratios within each round.

compare.py --peer BIN_FOLDER --model LABEL=FILE.gguf [--model ...] --out FOLDER [options]

  --peer     folder with llama-bench, llama-batched-bench and llama-server
  --model    a GGUF file and the name it gets in the table; both programs read the same file
  --out      folder for the raw results, one JSON file per run of this script
  --cases    which of decode, prefill, batch, http to run, with commas (default: all)
  --rounds   rounds (default 5)             --threads  threads of both programs (default 2)
  --no-gate  do not wait for an idle machine nor repeat disturbed runs: to try the script out
  --java-options  options of our JVM        --label    a word for the name of the result file

Each round runs ours and the peer's program once per case, ours first in even rounds and last in
odd ones; the table gives the median of the rounds' ratios with the least and the greatest. A round
during which other processes took more than 4 % of the CPU is marked and repeated up to twice.
Python 3.9, no packages. Build first: ./chasqui --help
"""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
HZ = os.sysconf("SC_CLK_TCK")
CPUS = os.cpu_count()
FOREIGN_LIMIT = 0.04
TRIES = 3
PROMPT, GENERATE = 512, 128
BATCH, BATCH_TOKENS = 8, 32
STREAMS, REQUESTS, HTTP_PROMPT, HTTP_TOKENS = 8, 16, 100, 64


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peer", type=pathlib.Path, required=True)
    p.add_argument("--model", action="append", required=True)
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--cases", default="decode,prefill,batch,http")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--no-gate", action="store_true")
    p.add_argument("--java-options", default="")
    p.add_argument("--label", default="compare")
    return p.parse_args()


args = arguments()


# --- the machine -------------------------------------------------------------------------------


def machine():
    fields = dict(
        (k.strip(), v.strip())
        for k, _, v in (line.partition(":") for line in output(["lscpu"]).splitlines())
    )
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8")
    return {
        "cpu": "%s, family %s, model %s"
        % (fields.get("Model name"), fields.get("CPU family"), fields.get("Model")),
        "cpus": CPUS,
        "features": [f for f in wanted if f in fields.get("Flags", "").split()],
        "kernel": platform.release(),
        "huge_pages": read("/sys/kernel/mm/transparent_hugepage/enabled").strip(),
    }


def output(command):
    return subprocess.run(command, capture_output=True, text=True).stdout


def read(path):
    with contextlib.suppress(OSError):
        return pathlib.Path(path).read_text()
    return ""


def busy_seconds():
    user, nice, system, _, _, irq, softirq, steal = map(int, read("/proc/stat").split()[1:9])
    return (user + nice + system + irq + softirq + steal) / HZ


def own_seconds(server):
    """CPU time of this script's children that have ended, and of a running server."""
    t = os.times()
    seconds = t.children_user + t.children_system + t.user + t.system
    if server:
        stat = read(f"/proc/{server}/stat").rsplit(")", 1)[1].split()
        seconds += (int(stat[11]) + int(stat[12])) / HZ
    return seconds


def wait_until_idle(limit=60):
    end = time.time() + limit
    while time.time() < end:
        before, begin = busy_seconds(), time.time()
        time.sleep(0.5)
        if (busy_seconds() - before) / (time.time() - begin) < 0.10:
            return


def gated(measure, server=None):
    """Runs until the machine was otherwise idle, keeps the least disturbed try."""
    best = None
    for _ in range(1 if args.no_gate else TRIES):
        if not args.no_gate:
            wait_until_idle()
        busy, own, begin = busy_seconds(), own_seconds(server), time.time()
        result = measure()
        foreign = busy_seconds() - busy - (own_seconds(server) - own)
        result["foreign"] = max(0.0, foreign) / (CPUS * (time.time() - begin))
        if best is None or result["foreign"] < best["foreign"]:
            best = result
        if best["foreign"] < FOREIGN_LIMIT:
            break
    return best


# --- the programs ------------------------------------------------------------------------------


def chasqui(*command):
    env = dict(os.environ, CHASQUI_JAVA_OPTS=args.java_options)
    run = subprocess.run(
        [str(ROOT / "chasqui"), *map(str, command)], capture_output=True, text=True, env=env
    )
    if run.returncode:
        raise SystemExit(f"chasqui {shlex.join(map(str, command))}: {run.stderr[-2000:]}")


def ours(model, *options):
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        chasqui("bench", model, "--threads", args.threads, "--json", result.name, *options)
        report = json.load(open(result.name))
    m = report["measurements"][0]
    return {
        "rate": m["tokensPerSecond"],
        "roof": report["model"]["readGigabytesPerSecond"],
        "backend": report["model"]["backend"],
        "jvm": report["machine"]["jvm"],
        "raw": report,
    }


def peer(program, *options):
    command = [str(args.peer / program), *map(str, options)]
    env = dict(os.environ, LD_LIBRARY_PATH=str(args.peer))
    run = subprocess.run(command, capture_output=True, text=True, env=env)
    if run.returncode:
        raise SystemExit(f"{shlex.join(command)}: {run.stderr[-2000:]}")
    return run.stdout


def peer_version():
    run = subprocess.run(
        [str(args.peer / "llama-bench"), "--version"], capture_output=True, text=True,
        env=dict(os.environ, LD_LIBRARY_PATH=str(args.peer)),
    )
    lines = (run.stdout + run.stderr).splitlines()
    return "llama.cpp " + ", ".join(l for l in lines if l.startswith(("version", "built")))


def llama_bench(model, prompt, generate):
    raw = json.loads(
        peer("llama-bench", "-m", model, "-p", prompt, "-n", generate, "-t", args.threads,
             "-r", 5, "-o", "jsonl")
    )
    raw["model_filename"] = pathlib.Path(raw["model_filename"]).name  # folders are nobody's business
    return {"rate": statistics.median(raw["samples_ts"]), "raw": raw}


def llama_batched_bench(model):
    out = peer(
        "llama-batched-bench", "-m", model, "-c", 4096, "-b", 2048, "-ub", 512, "-npp",
        BATCH_TOKENS, "-ntg", BATCH_TOKENS, "-npl", BATCH, "-t", args.threads, "-tb", args.threads,
    )
    rows = [l for l in out.splitlines() if re.match(r"\|\s*\d", l)]
    rate = float(rows[-1].split("|")[8])  # S_TG
    return {"rate": rate, "raw": rows}


OFFLINE = {
    "decode": (
        lambda m: ours(m, "-p", 0, "-n", GENERATE),
        lambda m: llama_bench(m, 0, GENERATE),
    ),
    "prefill": (
        lambda m: ours(m, "-p", PROMPT, "-n", 0),
        lambda m: llama_bench(m, PROMPT, 0),
    ),
    "batch": (
        lambda m: ours(m, "-p", 0, "-n", BATCH_TOKENS, "-b", BATCH, "-d", BATCH_TOKENS),
        llama_batched_bench,
    ),
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def server(command, port, env=None):
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=dict(os.environ, **(env or {})),
    )
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise SystemExit(f"{command[0]}: {process.stderr.read()[-2000:].decode()}")
            with contextlib.suppress(OSError):
                if urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).status == 200:
                    break
            time.sleep(0.2)
        else:
            raise SystemExit(f"{command[0]} did not become ready")
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def load(port, seed, llama_cpp):
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        chasqui(
            "bench", "--url", f"http://127.0.0.1:{port}", "--concurrency", STREAMS, "--requests",
            REQUESTS, "-p", HTTP_PROMPT, "-n", HTTP_TOKENS, "--seed", seed, "--json", result.name,
            *(["--llama-cpp"] if llama_cpp else []),
        )
        serving = json.load(open(result.name))["serving"]
    return {
        "rate": serving["outputTokensPerSecond"],
        "ttft_p50": serving["ttftMillis"]["p50"],
        "tpot_p50": serving["tpotMillis"]["p50"],
        "raw": serving,
    }


def serve_ours(model, seed):
    port = free_port()
    env = {"CHASQUI_JAVA_OPTS": args.java_options}
    command = [ROOT / "chasqui", "serve", model, "--port", port, "--threads", args.threads]
    with server(command, port, env) as pid:
        return gated(lambda: load(port, seed, False), pid)


def serve_peer(model, seed):
    port = free_port()
    command = [
        args.peer / "llama-server", "-m", model, "-t", args.threads, "-tb", args.threads,
        "-np", 2 * STREAMS, "-c", 8192, "--port", port,
    ]
    with server(command, port, {"LD_LIBRARY_PATH": str(args.peer)}) as pid:
        return gated(lambda: load(port, seed, True), pid)


# --- rounds ------------------------------------------------------------------------------------


def one_round(case, model, number):
    if case == "http":
        sides = [("ours", lambda: serve_ours(model, number)), ("peer", lambda: serve_peer(model, number))]
    else:
        mine, theirs = OFFLINE[case]
        sides = [("ours", lambda: gated(lambda: mine(model))), ("peer", lambda: gated(lambda: theirs(model)))]
    result = {name: run() for name, run in (sides if number % 2 == 0 else sides[::-1])}
    result["ratio"] = result["ours"]["rate"] / result["peer"]["rate"]
    result["disturbed"] = max(result[s]["foreign"] for s in ("ours", "peer")) >= FOREIGN_LIMIT
    return result


def table(results):
    lines = [
        "| case | model | Chasqui tok/s | llama.cpp tok/s | ratio, median (min – max) | rounds |",
        "|---|---|---|---|---|---|",
    ]
    for (case, label), rounds in results.items():
        ratios = [r["ratio"] for r in rounds]
        median = lambda side: statistics.median(r[side]["rate"] for r in rounds)
        disturbed = sum(r["disturbed"] for r in rounds)
        lines.append(
            "| %s | %s | %.1f | %.1f | **%.2f** (%.2f – %.2f) | %d%s |"
            % (case, label, median("ours"), median("peer"), statistics.median(ratios), min(ratios),
               max(ratios), len(rounds), f", {disturbed} disturbed" if disturbed else "")
        )
    return "\n".join(lines)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped
    models = dict(m.split("=", 1) for m in args.model)
    cases = args.cases.split(",")
    here = machine()
    version = peer_version()
    results = {(c, l): [] for l in models for c in cases}
    started = datetime.datetime.now(datetime.timezone.utc)
    args.out.mkdir(parents=True, exist_ok=True)
    raw = args.out / f"{args.label}-{started:%Y%m%dT%H%M%SZ}.json"
    for number in range(args.rounds):
        for (case, label), rounds in results.items():
            r = one_round(case, models[label], number)
            rounds.append(r)
            print(
                "round %d %-8s %-12s ours %8.1f  peer %8.1f  ratio %.2f  foreign %.1f %% / %.1f %%"
                % (number + 1, case, label, r["ours"]["rate"], r["peer"]["rate"], r["ratio"],
                   100 * r["ours"]["foreign"], 100 * r["peer"]["foreign"]),
                file=sys.stderr, flush=True,
            )
            raw.write_text(json.dumps(
                {
                    "machine": here,
                    "peer": version,
                    "commit": output(["git", "-C", str(ROOT), "rev-parse", "HEAD"]).strip(),
                    "threads": args.threads,
                    "started": started.isoformat(),
                    "models": {l: {"file": pathlib.Path(f).name, "bytes": os.path.getsize(f)}
                               for l, f in models.items()},
                    "rounds": [{"case": c, "model": l, **one}
                               for (c, l), all_ in results.items() for one in all_],
                }, indent=1))
    print(f"{here['cpu']}, {CPUS} CPUs ({' '.join(here['features'])}), {args.threads} threads; "
          f"{version}\n")
    print(table(results))
    print(f"\nraw: {raw}", file=sys.stderr)


main()
