#!/bin/sh
# Proves the CUDA backend on a machine with an NVIDIA GPU, step by step, from the bundle.
#
#   loadtest/gpu/prove.sh                    every step that has not passed yet
#   loadtest/gpu/prove.sh invariance decode  these steps, again if they have passed
#   loadtest/gpu/prove.sh --list             the steps, their expected minutes and limits
#
# --bundle FILE    a bundle's archive or unpacked folder; default target/chasqui-*-linux-x86_64.tar.xz
# --out FOLDER     for results; default docs/benchmarks/<date>-<gpu>. Give it again to go on later
# --minutes N      start no step that would end after this many (for rented machines)
# --parity FOLDER  checkpoints made by parity.py elsewhere; by default they are made here
# --emulator DIR   folder of the emulator's libcuda.so.1: the same steps at tiny shapes, as a
#                  rehearsal; their rates mean nothing
#
# A step leaves <step>.log, <step>*.json and its line of steps.tsv in the output folder; the table,
# README.md, is written anew after each. Big files go to <output folder>.work, which can be deleted.
# Steps that passed or were skipped are not run again unless named.
#
# What the steps ask of the bundle. All take --json FILE; an exit status other than 0 is a failure.
#
#   chasqui selftest --backend cuda [--reduced]
#       Probe, driver, JCuda, modules, then every kernel against the CPU backend; --reduced takes the
#       fewest shapes that reach every kernel (for compute-sanitizer, which slows it 10 to 100 times).
#       {"device": {"name", "driver", "capability", "multiprocessors", "memoryBytes"},
#        "kernels": "<digest of the sources>", "passed": true,
#        "checks": [{"name", "passed", "seconds", "detail"}]}
#   chasqui selftest --backend cuda --parity FOLDER
#       FOLDER is a checkpoint with golden.safetensors (see parity.py). Adds to the above
#       "parity": {"prompts", "rows", "worstRelativeError", "tolerance",
#                  "greedyCompared", "greedyEqual"}
#       worstRelativeError is the greatest ||ours - reference|| / ||reference|| of a row of logits;
#       greedyCompared counts the steps whose margin exceeds the tolerance of the logits.
#   chasqui selftest --backend cuda --invariance TRIALS --seed N --load-format dummy --geometry G
#       Each trial runs a random sequence alone and again in a random batch, in random chunks, with
#       other pages, and compares the logits' bits. "invariance": {"trials", "differing", "seed"}
#   chasqui bench device [--size 1G] [--matmul 8192]
#       {"device": {as above}, "copyBytesPerSecond",
#        "matmul": {"m", "n", "k", "flopsPerSecond"}}
#       Read and written both counted, the median of several copies of that size; and the rate of our
#       own product of that size, cubed, on random numbers. torch's comes from rates.py.
#   chasqui bench --backend cuda --load-format dummy --geometry G --dtype bf16 [--layers N]
#           -p P -n N -b B,… -d D
#       As on the CPU: {"measurements": [{"phase", "batch", "length", "depth", "tokensPerSecond",
#       "min", "max", "gigabytesPerSecond", "gigaflopsPerSecond", "settled", …}]}. On a device
#       tokensPerSecond is of whole steps, sampling included, one launched while another runs.
#   chasqui serve …, chasqui bench --url URL -p P -n N --concurrency C --requests R
#       As on the CPU: {"serving": {"outputTokensPerSecond", "ttftMillis", "tpotMillis", …}}
#
# --layers N cuts dummy weights to their first N layers; --geometry llama-tiny is for the emulator.
set -eu

here=$(cd "${0%/*}" && pwd -P)
root=${here%/loadtest/gpu}

# Step, expected minutes, limit in seconds.
STEPS='
selftest     3.0  360
parity       4.0  480
invariance   3.0  360
device       1.0  150
decode       2.0  300
prefill      2.0  300
memcheck     1.5  240
racecheck    1.5  240
initcheck    1.5  240
synccheck    1.5  240
server       3.0  360
transformers 3.0  420
context      2.0  240
'
SKIPPED=77
SANITIZER=nvidia-cuda-sanitizer-api==13.5.25

say() { echo "prove: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Ends a step that this machine cannot do, with the reason as its last line.
skip() {
    echo "$*"
    exit $SKIPPED
}

# ---------------------------------------------------------------- what is measured

if [ -z "${EMULATOR:-}" ]; then
    GEOMETRY=llama-3.1-8b
    SERVED="$GEOMETRY"
    CONTEXT_LAYERS=4
    INVARIANCE="1000 llama-3.2-1b"
    DECODE="-b 1,8,64,256 -d 1024 -n 64"
    PREFILL="1024 2048 8192"
    STEP_TOKENS=8192
    LOAD="-p 1000 -n 1000 --concurrency 256 --requests 512"
    SEQUENCES=256
    CONTEXT=131072
    COPIED=1G
    MATMUL=8192
else
    GEOMETRY=llama-tiny
    # The client's prompts are ids up to 10,000, more than the tiny vocabulary has.
    SERVED="smollm2-135m --layers 1"
    CONTEXT_LAYERS=1
    INVARIANCE="5 llama-tiny"
    DECODE="-b 1,3 -d 32 -n 2 -r 1"
    PREFILL="16 40"
    STEP_TOKENS=64
    LOAD="-p 4 -n 2 --concurrency 2 --requests 2"
    SEQUENCES=2
    CONTEXT=512
    COPIED=4M
    MATMUL=64
fi

# ---------------------------------------------------------------- steps

chasqui() { "$CHASQUI" "$@"; }

bench() {
    output=$1
    shift
    chasqui bench --backend cuda --load-format dummy --geometry "$GEOMETRY" --dtype bf16 \
        --json "$OUT/$output.json" "$@"
}

step_selftest() {
    uname -a
    nvidia-smi -q 2>/dev/null || echo "no nvidia-smi"
    chasqui --version
    chasqui selftest --backend cuda ${EMULATOR:+--reduced} --json "$OUT/selftest.json"
}

step_parity() {
    if [ -z "${PARITY:-}" ]; then
        find_python || skip "no Python with torch and transformers; give --parity FOLDER"
        PARITY=$WORK/parity
        [ -e "$PARITY/done" ] || "$PYTHON" "$here/parity.py" "$PARITY" ${EMULATOR:+--tiny}
        touch "$PARITY/done"
    fi
    failed=
    for checkpoint in "$PARITY"/*/; do
        name=$(basename "$checkpoint")
        echo "== $name"
        chasqui selftest --backend cuda --parity "$checkpoint" --json "$OUT/parity-$name.json" ||
            failed="$failed $name"
    done
    [ -z "$failed" ] || fail "differ from transformers:$failed"
}

step_invariance() {
    # shellcheck disable=SC2086 # two words
    set -- $INVARIANCE
    chasqui selftest --backend cuda --invariance "$1" --seed "$(date +%s)" --load-format dummy \
        --geometry "$2" --json "$OUT/invariance.json"
}

step_device() {
    chasqui bench device --size $COPIED --matmul $MATMUL --json "$OUT/device.json"
    [ -z "${EMULATOR:-}" ] || return 0
    if find_python; then
        "$PYTHON" "$here/rates.py" "$OUT/rates.json"
    else
        echo "no Python with torch: no roof of matrix products"
    fi
}

step_decode() {
    # shellcheck disable=SC2086 # options are words
    bench decode -p 0 $DECODE --max-num-seqs $SEQUENCES
}

step_prefill() {
    for tokens in $PREFILL; do
        bench "prefill-$tokens" -p "$tokens" -n 0 --max-num-batched-tokens $STEP_TOKENS
    done
}

step_memcheck() { sanitize memcheck; }
step_racecheck() { sanitize racecheck; }
step_initcheck() { sanitize initcheck; }
step_synccheck() { sanitize synccheck; }

sanitize() {
    if [ -n "${EMULATOR:-}" ]; then
        echo "the emulator has checks of its own; the reduced suite runs without compute-sanitizer"
        set --
    else
        find_sanitizer || skip "no compute-sanitizer, and pip could not fetch $SANITIZER"
        set -- "$sanitizer" --tool "$1" --target-processes all --error-exitcode 99
    fi
    "$@" "$CHASQUI" selftest --backend cuda --reduced
}

step_server() {
    port=$(free_port)
    # shellcheck disable=SC2086 # SERVED may hold an option
    "$CHASQUI" serve --backend cuda --load-format dummy --geometry $SERVED --dtype bf16 \
        --port "$port" --max-num-seqs $SEQUENCES >"$WORK/serve.log" 2>&1 &
    server=$!
    trap 'kill $server 2>/dev/null || true; wait $server || true; cat "$WORK/serve.log"' EXIT
    until chasqui_is_ready "$port"; do
        kill -0 $server || exit 1
        sleep 1
    done
    # The first run warms the server up; it is short, and counts nothing.
    chasqui bench --url "http://127.0.0.1:$port" -p 4 -n 2 --concurrency $SEQUENCES \
        --requests $SEQUENCES --cold
    # shellcheck disable=SC2086 # options are words
    chasqui bench --url "http://127.0.0.1:$port" $LOAD --cold --json "$OUT/server.json"
}

step_transformers() {
    [ -z "${EMULATOR:-}" ] || set -- --tiny
    find_python || skip "no Python with torch and transformers"
    # Compiling takes most of the time; what is measured until the limit counts.
    rm -f "$OUT/transformers.json"
    timeout 360 "$PYTHON" "$here/transformers_rates.py" "$OUT/transformers.json" "$@" ||
        [ -s "$OUT/transformers.json" ]
}

step_context() {
    bench context --layers $CONTEXT_LAYERS -p 0 -n 16 -d $((CONTEXT - 16)) -b 1 -r 1 \
        --max-model-len $CONTEXT --max-num-batched-tokens $STEP_TOKENS
}

# ---------------------------------------------------------------- what steps need

# A port that nothing listens on.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

chasqui_is_ready() {
    python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' \
        "http://127.0.0.1:$1/readyz" 2>/dev/null
}

# Sets PYTHON to one that has torch and transformers: the machine's own, else one made with pip.
find_python() {
    has_packages='import safetensors, torch, transformers'
    for PYTHON in "${PYTHON:-python3}" "$WORK/venv/bin/python3"; do
        ! "$PYTHON" -c "$has_packages" 2>/dev/null || return 0
    done
    [ ! -e "$WORK/no-packages" ] || return 1
    python3 -m venv "$WORK/venv" &&
        timeout 180 "$PYTHON" -m pip install -q torch transformers safetensors &&
        "$PYTHON" -c "$has_packages" && return 0
    touch "$WORK/no-packages"
    return 1
}

# Sets sanitizer to the toolkit's compute-sanitizer, else to one fetched with pip.
find_sanitizer() {
    sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null || true)
    [ -z "$sanitizer" ] || return 0
    sanitizer=$WORK/sanitizer/nvidia/cu13/compute-sanitizer/compute-sanitizer
    [ -x "$sanitizer" ] || timeout 100 python3 -m pip install -q --no-deps \
        --target "$WORK/sanitizer" $SANITIZER
    [ -x "$sanitizer" ]
}

# ---------------------------------------------------------------- running them

# Prints field $2 of step $1: 2 is its expected minutes, 3 its limit.
of_step() { echo "$STEPS" | awk -v name="$1" -v field="$2" '$1 == name { print $field }'; }

step_names() { echo "$STEPS" | awk 'NF { print $1 }'; }

# Whether step $1 needs no run.
is_done() { grep -q "^$1	\(passed\|skipped\)	" "$OUT/steps.tsv"; }

record() {
    grep -v "^$1	" "$OUT/steps.tsv" >"$OUT/steps.new" || true
    printf '%s\t%s\t%s\t%s\n' "$@" >>"$OUT/steps.new"
    mv "$OUT/steps.new" "$OUT/steps.tsv"
}

run_step() {
    say "$1: about $(of_step "$1" 2) min"
    begin=$(date +%s)
    status=0
    timeout -k 10 "$(of_step "$1" 3)" "$0" --step "$1" >"$OUT/$1.log" 2>&1 || status=$?
    seconds=$(($(date +%s) - begin))
    last=$(tail -n 1 "$OUT/$1.log" | tr '\t' ' ' | cut -c 1-200)
    case $status in
        0) record "$1" passed "$seconds" "" ;;
        "$SKIPPED") record "$1" skipped "$seconds" "$last" ;;
        124 | 137) record "$1" "timed out" "$seconds" "$last" ;;
        *) record "$1" failed "$seconds" "$last" ;;
    esac
    say "$(grep "^$1	" "$OUT/steps.tsv" | tr '\t' ' ')"
    python3 "$here/table.py" "$OUT" || say "no table: it needs python3"
}

# Whether step $1 may start: within the minutes given, and not on a GPU that failed the first step.
may_start() {
    expected=$(of_step "$1" 2)
    spent=$(($(date +%s) - started))
    echo "$spent $expected ${minutes:-1e9}" | awk '{ exit !($1 / 60 + $2 <= $3) }'
}

gpu_name() {
    [ -z "${EMULATOR:-}" ] || { echo emulator && return; }
    name=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)
    echo "${name:-gpu}" | tr 'A-Z ' 'a-z-' | sed 's/^nvidia-//'
}

# Prints the folder of bundle $1, unpacked if it is an archive.
unpacked() {
    [ -n "$1" ] || set -- "$(find "$root/target" -maxdepth 1 -name 'chasqui-*-linux-x86_64.tar.xz' 2>/dev/null | head -n 1)"
    [ -n "$1" ] || fail "no bundle: run ./chasqui bundle, or give --bundle"
    if [ -d "$1" ]; then
        (cd "$1" && pwd -P)
        return
    fi
    if ! [ "$WORK/bundle.of" -nt "$1" ]; then
        rm -rf "$WORK/bundle"
        mkdir "$WORK/bundle"
        tar -xJf "$1" -C "$WORK/bundle" || fail "cannot unpack $1"
        touch "$WORK/bundle.of"
    fi
    echo "$WORK/bundle/"*
}

usage() {
    sed -n '2,/^# Steps that/p' "$0" | sed 's/^# \{0,1\}//'
    echo "$STEPS"
}

minutes=
bundle=
while [ $# -gt 0 ]; do
    case $1 in
        --list | --help)
            usage
            exit
            ;;
        --bundle) bundle=$2 ;;
        --out) OUT=$2 ;;
        --minutes) minutes=$2 ;;
        --parity) PARITY=$(cd "$2" && pwd -P) ;;
        --emulator) EMULATOR=$(cd "$2" && pwd -P) ;;
        --step) # how this script calls itself, under a time limit
            "step_$2"
            exit
            ;;
        -*) fail "unknown option $1; see --list" ;;
        *) break ;;
    esac
    shift 2
done

[ -z "${EMULATOR:-}" ] || LD_LIBRARY_PATH=$EMULATOR${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
OUT=${OUT:-$root/docs/benchmarks/$(date +%Y-%m-%d)-$(gpu_name)}
mkdir -p "$OUT" "$OUT.work"
OUT=$(cd "$OUT" && pwd -P)
WORK=$OUT.work
touch "$OUT/steps.tsv"
CHASQUI=$(unpacked "$bundle")/bin/chasqui
export OUT WORK CHASQUI
export ${EMULATOR:+EMULATOR LD_LIBRARY_PATH} ${PARITY:+PARITY}

started=$(date +%s)
named=$#
# shellcheck disable=SC2046 # names are words
[ $# -gt 0 ] || set -- $(step_names)
for step; do
    [ -n "$(of_step "$step" 2)" ] || fail "no step '$step'; there are $(step_names | tr '\n' ' ')"
    [ "$named" -gt 0 ] || ! is_done "$step" || continue
    may_start "$step" || fail "no time for $step; run again to go on"
    run_step "$step"
    [ "$step" != selftest ] || is_done selftest || fail "nothing else makes sense before it passes"
done
! grep -q '	\(failed\|timed out\)	' "$OUT/steps.tsv"
