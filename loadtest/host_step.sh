#!/bin/sh
# Measures the host's time per decode step on the CUDA backend, on devices that do nothing, and
# prints it by part. It needs what the emulator's tests need (docs/testing.md), and a quiet machine.
#
#   loadtest/host_step.sh FILE.json [JMH options]    e.g. -f 1 for one fork
#   loadtest/host_step.sh --print FILE.json          the table of an earlier run
#
# FILE.json is JMH's result. A figure is the median of a fork's iterations, of the best fork.
set -eu
if [ "$1" != --print ]; then
    json=$1
    shift
    "${0%/*}/jmh.sh" 'HostStep|StepInputs|BatchBuilder' -rf json -rff "$(realpath "$json")" "$@"
    set -- --print "$json"
fi
exec python3 - "$2" <<'EOF'
import json
import statistics
import sys

found = {}
for run in json.load(open(sys.argv[1], encoding="utf-8")):
    name = run["benchmark"].rsplit(".", 1)[1]
    found[name, run.get("params", {}).get("execution")] = run


def best(forks):
    return min(statistics.median(fork) for fork in forks)


def time(name, execution=None):
    return best(found[name, execution]["primaryMetric"]["rawData"])


print("Microseconds of the host per decode step of 64 sequences of about 1,000 tokens, Llama 3.1 8B")
print()
print("| devices | step | engine | launch | sampling | await |")
print("|---|---|---|---|---|---|")
for (name, execution), run in found.items():
    if name == "step":
        steps = run["primaryMetric"]["rawData"]
        parts = [run["secondaryMetrics"][part]["rawData"] for part in ("execute", "sample", "await")]
        parts = [[[ns / 1e3 for ns in fork] for fork in part] for part in parts]
        engine = [
            [step - sum(part[f][i] for part in parts) for i, step in enumerate(fork)] for f, fork in enumerate(steps)
        ]
        figures = " | ".join(f"{best(forks):.1f}" for forks in (steps, engine, *parts))
        print(f"| {execution} | {figures} |")
print()
for label, name, execution in (
    ("Of the engine: writing the batch down", "build", None),
    ("Of launch: planning attention", "plan", None),
    ("Of launch: writing the upload", "write", None),
    ("To the device's thread and back", "handOver", None),
):
    if (name, execution) in found:
        print(f"{label}: {time(name, execution):.1f}")
EOF
