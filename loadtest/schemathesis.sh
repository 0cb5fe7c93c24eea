#!/bin/sh
# Sends a running server what its own OpenAPI document allows, and what it does not allow, and
# judges the answers by the document:
#
#   ./chasqui serve --port 8000 --api-key sk-fuzz --max-model-len 2048
#   CHASQUI_API_KEY=sk-fuzz loadtest/schemathesis.sh http://127.0.0.1:8000
#
# CHASQUI_API_KEY  a key of the server; without keys it cannot be seen whether they are asked for
# SEED             default 1                      MAX_EXAMPLES  of each operation, default 100
# VOCABULARY       tokens of the model, default 49152 (SmolLM2)
# More arguments go to Schemathesis, which is installed below target.
set -eu

SCHEMATHESIS=4.32.5
[ $# -ge 1 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }
export CHASQUI_URL="$1"
shift
here=$(cd "$(dirname "$0")" && pwd -P)
work=$here/../target/schemathesis
mkdir -p "$work"
cd "$work"
[ -x venv/bin/python ] || python3 -m venv venv
venv/bin/pip --quiet --disable-pip-version-check install "schemathesis==$SCHEMATHESIS"

checks=all
[ -n "${CHASQUI_API_KEY:-}" ] || set -- --exclude-checks ignored_auth "$@"
export PYTHONPATH="$here" SCHEMATHESIS_HOOKS=schemathesis_hooks
exec venv/bin/schemathesis run "$CHASQUI_URL/openapi.json" \
    --header "Authorization: Bearer ${CHASQUI_API_KEY:-none}" \
    --checks "$checks" --continue-on-failure --generation-database none --no-color \
    --seed "${SEED:-1}" --max-examples "${MAX_EXAMPLES:-100}" --request-timeout 60 --max-response-time 60 "$@"
