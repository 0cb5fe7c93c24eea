#!/bin/sh
# Runs the official Python and Node SDKs against a running server:
#
#   src/test/clients/run.sh http://127.0.0.1:8000/v1
#
# OPENAI_API_KEY  a key of the server, when it has keys     MODEL  default: the server's first
# METRICS_URL     default: /metrics beside /v1              CLIENTS  default: "python node"
# The packages go to target/clients. A client whose language is not installed is skipped.
set -eu

OPENAI_PYTHON=3.22.1
OPENAI_NODE=7.57.0
[ $# -eq 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd -P)
packages=$here/../../../target/clients
mkdir -p "$packages"
packages=$(cd "$packages" && pwd -P)
export OPENAI_BASE_URL=$1
failed=0

python_suite() {
    command -v python3 >/dev/null || { echo "SKIP python: python3 is not installed"; return; }
    [ -x "$packages/venv/bin/python" ] || python3 -m venv "$packages/venv"
    "$packages/venv/bin/pip" --quiet --disable-pip-version-check install "openai==$OPENAI_PYTHON"
    "$packages/venv/bin/python" "$here/openai_python.py" || failed=1
}

node_suite() {
    command -v npm >/dev/null || { echo "SKIP node: npm is not installed"; return; }
    (cd "$packages" && npm install --silent --no-audit --no-fund "openai@$OPENAI_NODE")
    NODE_MODULES=$packages node "$here/openai_node.mjs" || failed=1
}

for client in ${CLIENTS:-python node}; do
    "${client}_suite"
done
exit $failed
