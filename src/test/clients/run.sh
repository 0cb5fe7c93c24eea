#!/bin/sh
# Runs SDKs and agent frameworks against Chasqui and prints what works with which.
#
#   src/test/clients/run.sh                             starts the servers, runs all, writes docs/clients.md
#   src/test/clients/run.sh http://127.0.0.1:8000/v1    runs against this server, writes nothing there
#
# CLIENTS         some suites only, e.g. "openai_python vercel_ai"
# With a server of your own:
# OPENAI_API_KEY  a key of the server, when it has keys     MODEL  default: the server's first
# METRICS_URL     default: /metrics beside /v1              SCRIPTED_URL  /v1 of ScriptedServer
#
# The packages go to target/clients. A client whose language is not installed is skipped.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
root=$(cd "$here/../../.." && pwd -P)
work=$root/target/clients
ALL="openai_python langchain_python openai_agents_python pydantic_ai_python instructor_python
    openai_node vercel_ai langchain_js openai_agents_node"
failed=0
started=

case ${1:-} in -*) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2 ;; esac
mkdir -p "$work/results"

# Installs the packages of requirements file $1 into folder $2, unless they are there.
python_packages() {
    cmp -s "$1" "$2/installed" && return
    python3 -m venv --clear "$2"
    "$2/bin/pip" --quiet --disable-pip-version-check install -r "$1"
    cp "$1" "$2/installed"
}

node_packages() {
    cp "$here"/*.mjs "$here"/package*.json "$work"
    cmp -s "$work/package-lock.json" "$work/installed" && return
    (cd "$work" && npm ci --silent --no-audit --no-fund)
    cp "$work/package-lock.json" "$work/installed"
}

python_suite() {
    command -v python3 >/dev/null || { echo "SKIP $1: python3 is not installed"; return; }
    case $1 in
        instructor*) requirements=requirements-instructor ;;
        *) requirements=requirements ;;
    esac
    python_packages "$here/$requirements.txt" "$work/$requirements"
    PYTHONDONTWRITEBYTECODE=1 "$work/$requirements/bin/python" "$here/$1.py" || failed=1
}

node_suite() {
    command -v npm >/dev/null || { echo "SKIP $1: npm is not installed"; return; }
    node_packages
    (cd "$work" && node "$1.mjs" ${2:+"$2"}) || failed=1
}

run_suites() {
    for suite in ${CLIENTS:-$ALL}; do
        echo
        case $suite in
            vercel_ai)
                node_suite $suite @ai-sdk/openai-compatible
                node_suite $suite @ai-sdk/openai
                ;;
            *_python) python_suite "$suite" ;;
            *) node_suite "$suite" ;;
        esac
    done
}

# Waits for a server's file $1 to hold a line like $2, and prints the address in it.
address_in() {
    seconds=0
    until address=$(sed -n "s|.*$2 *\(http://[^ ]*\).*|\1|p" "$1" | head -n 1) && [ -n "$address" ]; do
        sleep 1
        seconds=$((seconds + 1))
        [ $seconds -lt 180 ] || { echo "run.sh: no server; its output is in $1" >&2; exit 1; }
    done
    echo "$address"
}

# Becomes Maven, so that its process is the one to stop: for a subshell.
maven() {
    cd "$root" && exec mvn -B -ntp -q -Dspotless.check.skip "$@"
}

# A server of the default model with an API key, and one of the scripted model.
start_servers() {
    "$root/chasqui" pull --print-path >/dev/null
    : >"$work/server.log" # of a run before, perhaps
    : >"$work/scripted.log"
    OPENAI_API_KEY=sk-clients
    export OPENAI_API_KEY
    "$root/chasqui" serve --port 0 --api-key $OPENAI_API_KEY --served-model-name org/small \
        >"$work/server.log" 2>&1 &
    started="$started $!"
    OPENAI_BASE_URL=$(address_in "$work/server.log" ' at')
    maven surefire:test -Dtest=ScriptedServer >"$work/scripted.log" 2>&1 &
    started="$started $!"
    SCRIPTED_URL=$(address_in "$work/scripted.log" 'Scripted model at')
}

stop_servers() {
    # shellcheck disable=SC2086 # process ids are words
    [ -z "$started" ] || kill $started
    started=
}

# The clients in Java are tests of the build.
java_suites() {
    (maven test-compile surefire:test -Dtest='OpenAiJava*Test,LangChain4j*Test') || failed=1
    (maven failsafe:integration-test failsafe:verify -Dit.test=JavaClientsIT \
        "-Dchasqui.testModel=$("$root/chasqui" pull --print-path)") || failed=1
}

export OPENAI_BASE_URL SCRIPTED_URL RESULTS="$work/results"
OPENAI_BASE_URL=${1:-}
SCRIPTED_URL=${SCRIPTED_URL:-}
rm -f "$RESULTS"/*.json
trap stop_servers EXIT
trap 'exit 130' INT TERM
if [ -n "$OPENAI_BASE_URL" ]; then
    run_suites
    python3 "$here/report.py" "$RESULTS"
else
    page=
    [ -n "${CLIENTS:-}" ] || { java_suites; page=$root/docs/clients.md; }
    start_servers
    run_suites
    python3 "$here/report.py" "$RESULTS" $page
fi
exit $failed
