#!/bin/sh
# Compiles the CUDA kernels of this folder into target/classes, so that they lie in the jar.
#
#   build.sh kernels [--fetch]    compiles what changed; prints the toolkit's folder, or nothing
#                                 where there is none and none may be fetched
#   build.sh registers            the same with --fetch, then writes registers.tsv anew
#
# A toolkit is CUDA_HOME, or where nvcc on the PATH lies, or target/cuda-toolkit. The last is fetched
# with pip (100 MB) when --fetch is given or this machine has an NVIDIA driver. Where there is no
# toolkit, or no host compiler, the jar is without kernels and Chasqui runs on the CPU.
#
# Each .cu file becomes one module, <its name>.fatbin, beside modules.tsv: a line "sources <digest>",
# then one line "<module> <kernel>" for each kernel (fields are separated by tabs).
#
# CHASQUI_NVCC_FLAGS  more options for nvcc, for example -lineinfo before a profiler is used
set -eu

TOOLKIT_WANTED=13.0.88
WHEELS="nvidia-cuda-nvcc==$TOOLKIT_WANTED nvidia-cuda-crt==$TOOLKIT_WANTED
    nvidia-nvvm==$TOOLKIT_WANTED nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85"
# Machine code for these, and PTX for whatever comes after them.
ARCHITECTURES="80 86 89 90 100 120"
PTX_ARCHITECTURE=80

sources=$(cd "${0%/*}" && pwd -P)
root=${sources%/src/main/cuda}
fetched=$root/target/cuda-toolkit
work=$root/target/cuda
out=$root/target/classes/io/chasqui/backend/cuda

say() { echo "chasqui: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Runs the rest of the arguments with output into file $2, saying $1 once it takes over two seconds.
watched() {
    what=$1 log=$2
    shift 2
    "$@" >"$log" 2>&1 &
    child=$!
    trap 'kill $child 2>/dev/null; exit 130' INT TERM
    tenths=0
    while kill -0 $child 2>/dev/null; do
        if [ $tenths -ge 20 ] && [ -t 2 ]; then
            printf '\r\033[K%s: %d s' "$what" $((tenths / 10)) >&2
        elif [ $((tenths % 150)) -eq 20 ]; then
            echo "$what: $((tenths / 10)) s" >&2
        fi
        sleep 0.1
        tenths=$((tenths + 1))
    done
    [ ! -t 2 ] || printf '\r\033[K' >&2
    trap - INT TERM
    wait $child
}

# Prints the version of the nvcc of toolkit $1.
toolkit_version() {
    "$1/bin/nvcc" --version 2>/dev/null | sed -n 's/.*release.*, V\([0-9.]*\).*/\1/p'
}

# Whether folder $1 holds a CUDA 13 toolkit with the headers of the number formats.
is_toolkit() {
    [ -x "$1/bin/nvcc" ] && [ -r "$1/include/cuda_bf16.h" ] || return 1
    case $(toolkit_version "$1") in 1[3-9].*) ;; *) return 1 ;; esac
}

# Prints the folder of a toolkit that is there already; nothing when there is none.
find_toolkit() {
    if [ -n "${CUDA_HOME:-}" ]; then
        is_toolkit "$CUDA_HOME" ||
            fail "CUDA_HOME=$CUDA_HOME is not a CUDA toolkit of version 13 or newer."
        echo "$CUDA_HOME"
        return
    fi
    on_path=$(command -v nvcc || true)
    [ -z "$on_path" ] || on_path=$(readlink -f "$on_path")
    # CHASQUI_CUDA_FOLDERS is for tests, too.
    for home in "${on_path%/bin/nvcc}" ${CHASQUI_CUDA_FOLDERS:-/usr/local/cuda} "$fetched"; do
        if is_toolkit "$home"; then
            echo "$home"
            return
        fi
    done
}

has_driver() {
    # CHASQUI_DRIVER_FILES is for tests: files of a driver, instead of the usual ones.
    for file in ${CHASQUI_DRIVER_FILES:-/dev/nvidiactl /dev/dxg /usr/lib/*/libcuda.so.1 \
        /usr/lib64/libcuda.so.1}; do
        [ ! -e "$file" ] || return 0
    done
    return 1
}

pip_install() {
    # shellcheck disable=SC2086 # wheels are words
    python3 -m pip --disable-pip-version-check install --no-deps --only-binary :all: \
        --target "$fetched.new" $WHEELS
}

fetch_toolkit() {
    rm -rf "$fetched.new" "$fetched"
    watched "Fetching the CUDA compiler (100 MB, once)" "$work/pip.log" pip_install || return 1
    mv "$fetched.new/nvidia/cu13" "$fetched"
    rm -rf "$fetched.new"
    is_toolkit "$fetched"
}

# Prints the folder of a toolkit, fetched if that is allowed; nothing, after saying why, without one.
provide_toolkit() {
    if ! command -v g++ >/dev/null; then
        say "no g++, which nvcc needs: this build has no CUDA kernels."
        return
    fi
    home=$(find_toolkit)
    if [ -z "$home" ] && [ -n "$may_fetch" ]; then
        if ! command -v python3 >/dev/null; then
            say "neither nvcc nor python3 with pip: this build has no CUDA kernels."
        elif ! fetch_toolkit; then
            say "no nvcc, and pip could not fetch it ($work/pip.log): this build has no CUDA kernels."
        else
            home=$fetched
        fi
    fi
    [ -z "$home" ] || echo "$home"
}

# Prints the paths of all kernel files, relative to this folder.
kernel_files() { find . -name '*.cu' | sed 's,^\./,,' | LC_ALL=C sort; }

# Prints one digest of this folder's files whose names match $1… (find's expressions).
digest() {
    find . -type f \( "$@" \) -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum |
        cut -d ' ' -f 1
}

# Turns the log of ptxas into lines of kernel, architecture, registers, shared, stack, spill bytes.
register_table() {
    awk -v OFS='\t' '
        /Compiling entry function/ { split($0, q, "\047"); kernel = q[2]; arch = q[4] }
        /bytes stack frame/ { stack = $1; spills = $5 + $9 }
        /Used [0-9]+ registers/ {
            shared = 0
            for (i = 1; i <= NF; i++) {
                if ($i ~ /^registers/) registers = $(i - 1)
                if ($i ~ /^smem/) shared = $(i - 2)
            }
            print kernel, arch, registers, shared, stack, spills
        }' | LC_ALL=C sort
}

# Compiles file $1 for every architecture into its folder under $work.
compile() {
    module=$work/$(module_of "$1")
    rm -rf "$module"
    mkdir -p "$module"
    set -- "$1" -gencode "arch=compute_$PTX_ARCHITECTURE,code=compute_$PTX_ARCHITECTURE"
    for architecture in $ARCHITECTURES; do
        set -- "$@" -gencode "arch=compute_$architecture,code=sm_$architecture"
    done
    # shellcheck disable=SC2086 # options are words
    "$toolkit/bin/nvcc" -std=c++17 -O3 -fatbin -I . -Werror all-warnings \
        -Xptxas -v,--warn-on-spills,--warning-as-error ${CHASQUI_NVCC_FLAGS:-} \
        "$@" -o "$module/kernels.fatbin" >"$module/log" 2>&1 || return 1
    register_table <"$module/log" >"$module/registers.tsv"
}

# Names of modules are those of their files; the plain kernels' begin with plain_.
module_of() { echo "${1%.cu}" | tr / _; }

# Whether file $1 has been compiled from what is here now.
is_current() {
    [ "$(cat "$work/$(module_of "$1")/digest" 2>/dev/null)" = "$2" ]
}

# Compiles file $1 unless it is current; what it depends on has digest $2.
compile_if_stale() {
    current=$(echo "$2 $(sha256sum "$1")" | sha256sum | cut -d ' ' -f 1)
    ! is_current "$1" "$current" || return 0
    compile "$1" || return 1
    echo "$current" >"$work/$(module_of "$1")/digest"
}

# Compiles every file, two at a time.
compile_all() {
    common="$(digest -name '*.cuh' -o -name '*.h' -o -name build.sh) $(toolkit_version "$toolkit")"
    common="$common ${CHASQUI_NVCC_FLAGS:-}"
    kernel_files | toolkit=$toolkit xargs -P 2 -I '{}' "$sources/build.sh" compile '{}' "$common"
}

show_errors() {
    for file in $(kernel_files); do
        log=$work/$(module_of "$file")/log
        [ -f "$work/$(module_of "$file")/digest" ] || [ ! -f "$log" ] ||
            grep -v '^ptxas info\|bytes stack frame, 0 bytes spill stores' "$log" >&2 || true
    done
}

remove_modules() { rm -f "$out"/*.fatbin "$out/modules.tsv"; }

# Puts the modules and their table where the jar is made from, only when they differ.
install_modules() {
    next=$work/modules.new
    rm -rf "$next"
    mkdir -p "$next" "$out"
    printf 'sources\t%s\n' "$(digest -name '*.cu' -o -name '*.cuh' -o -name '*.h')" >"$next/modules.tsv"
    : >"$work/registers.new"
    for file in $(kernel_files); do
        module=$(module_of "$file")
        cp "$work/$module/kernels.fatbin" "$next/$module.fatbin"
        cut -f 1 "$work/$module/registers.tsv" | LC_ALL=C sort -u | sed "s/^/$module	/" >>"$next/modules.tsv"
        cat "$work/$module/registers.tsv" >>"$work/registers.new"
    done
    {
        printf 'kernel\tarchitecture\tregisters\tshared\tstack\tspills\n'
        LC_ALL=C sort "$work/registers.new"
    } >"$work/registers.tsv"
    toolkit_version "$toolkit" >"$work/nvcc.version"
    if ! is_installed; then
        remove_modules
        cp "$next"/* "$out"
    fi
}

is_installed() {
    for file in "$next"/*; do
        cmp -s "$file" "$out/${file##*/}" || return 1
    done
}

build_kernels() {
    toolkit=$(provide_toolkit)
    if [ -z "$toolkit" ]; then
        remove_modules
        return
    fi
    if ! watched "Compiling CUDA kernels" "$work/compile.log" compile_all; then
        remove_modules
        show_errors
        fail "the CUDA kernels do not compile; nvcc's output is under $work"
    fi
    install_modules
    echo "$toolkit"
}

cd "$sources"
mkdir -p "$work"
may_fetch=
case ${1:-} in
    kernels)
        [ "${2:-}" != --fetch ] && ! has_driver || may_fetch=yes
        build_kernels
        ;;
    registers)
        may_fetch=yes
        [ -n "$(build_kernels)" ] || exit 1
        [ "$(cat "$work/nvcc.version")" = $TOOLKIT_WANTED ] ||
            fail "registers.tsv is for nvcc $TOOLKIT_WANTED; found $(cat "$work/nvcc.version")."
        cp "$work/registers.tsv" registers.tsv
        ;;
    compile) compile_if_stale "$2" "$3" ;;
    *) fail "usage: build.sh kernels [--fetch] | build.sh registers" ;;
esac
