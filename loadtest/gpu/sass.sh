#!/bin/sh
# Shows what machine code the kernels became: instructions by kind, in all of a kernel and in its
# inner loop, the loop with the most tensor-core (else floating-point) work for its length.
#
#   loadtest/gpu/sass.sh [sm_90]              a table of all kernels, for this architecture
#   loadtest/gpu/sass.sh sm_90 gate_up_128    the inner loop of one kernel, as text
#
# Run src/main/cuda/build.sh kernels --fetch first. cuobjdump comes from the PATH, else it is fetched
# with pip into target/cuda-tools (35 MB).
#
# Columns: HMMA matrix products, LDSM ldmatrix, LDGSTS cp.async, LDG and STG global, LDS and STS
# shared, LDL and STL local memory (spills, indexed arrays), FFMA, MUFU (exp, rsqrt), SHFL, BAR.
set -eu

TOOLS="nvidia-cuda-cuobjdump==13.5.37 nvidia-cuda-nvdisasm==13.5.37"
KINDS="HMMA LDSM LDGSTS LDG STG LDS STS LDL STL FFMA MUFU SHFL BAR"

root=$(cd "${0%/*}/../.." && pwd -P)
modules=$root/target/classes/io/chasqui/backend/cuda
tools=$root/target/cuda-tools
architecture=${1:-sm_90}
kernel=${2:-}

find_cuobjdump() {
    ! command -v cuobjdump || return 0
    # shellcheck disable=SC2086 # wheels are words
    [ -x "$tools/nvidia/cu13/bin/cuobjdump" ] ||
        python3 -m pip install -q --no-deps --target "$tools" $TOOLS >&2
    echo "$tools/nvidia/cu13/bin/cuobjdump"
}

# Reads a listing; prints the table's lines, or the inner loop of the kernel named.
summarise() {
    awk -v kinds="$KINDS" -v wanted="$kernel" '
        function mix(from, to, label,    i, n, counts, line) {
            for (i = from; i <= to; i++) counts[kind[i]]++
            line = sprintf("%-34s %7d", label, to - from + 1)
            n = split(kinds, names, " ")
            for (i = 1; i <= n; i++) line = line sprintf(" %6d", counts[names[i]])
            print line
        }
        function work(from, to,    i, n) {
            for (i = from; i <= to; i++) n += kind[i] == "HMMA" ? 100 : kind[i] == "FFMA"
            return n
        }
        function finish(    i, from, best, share, begin, end) {
            if (!count || (wanted != "" && name != wanted)) return
            for (i = 1; i <= count; i++) {
                if (!(target[i] in at) || at[target[i]] > i) continue
                from = at[target[i]]
                share = work(from, i) / (i - from + 1)
                if (share > best) { best = share; begin = from; end = i }
            }
            if (wanted == "") {
                mix(1, count, name)
                if (best > 0) mix(begin, end, "  its inner loop")
            } else if (best > 0) {
                for (i = begin; i <= end; i++) print text[i]
            }
        }
        function reset() { count = 0; split("", at); split("", target); split("", kind) }
        /Function : / { finish(); reset(); name = $3 }
        /^ *\/\*[0-9a-f]+\*\/ +[@A-Z]/ {
            count++
            address = $1
            gsub(/[\/*]/, "", address)
            at[address] = count
            sub(/^ *\/\*[0-9a-f]+\*\/ +/, "")
            sub(/ *\/\*.*$/, "")
            text[count] = $0
            operation = $1 ~ /^@/ ? $2 : $1
            sub(/[.;].*/, "", operation)
            kind[count] = operation
            if (operation == "BRA" && match($0, /0x[0-9a-f]+/)) {
                address = substr($0, RSTART + 2, RLENGTH - 2)
                while (length(address) < 4) address = "0" address
                target[count] = address
            }
        }
        END { finish() }'
}

heading() {
    printf '%s, %s\n\n%-34s %7s' "$architecture" "$(cat "$root/target/cuda/nvcc.version")" kernel all
    for kind in $KINDS; do printf ' %6s' "$kind"; done
    echo
}

cuobjdump=$(find_cuobjdump)
[ -n "$kernel" ] || heading
for module in "$modules"/*.fatbin; do
    [ -e "$module" ] || { echo "no kernels: run src/main/cuda/build.sh kernels --fetch" >&2 && exit 1; }
    PATH=${cuobjdump%/*}:$PATH "$cuobjdump" -sass -arch "$architecture" "$module" | summarise
done
