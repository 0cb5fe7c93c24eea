#!/bin/sh
# What grammars cost, on the vocabulary of Llama 3 and the shared schemas (docs/performance.md).
#
#   loadtest/grammar.sh FOLDER             writes FOLDER/grammar.csv and .md, grammar-step.md, grammar-tools.md
#   loadtest/grammar.sh --throughput URL   tokens per second of a running server, with and without a
#                                          grammar in turn, 16 streams; ROUNDS=3
#
# CHASQUI_SHARED names the folder of shared data. Figures in microseconds are CPU time; still, a
# quiet machine has less noise in its tail.
set -eu
root=$(cd "${0%/*}/.." && pwd -P)
if [ "$1" = --throughput ]; then
    schema='{"type":"array","minItems":40,"items":{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},"member":{"type":"boolean"}},"required":["name","age","member"],"additionalProperties":false}}'
    regex='[^\\n]{500,}'
    for round in $(seq "${ROUNDS:-3}"); do
        for what in free json regex; do
            case $what in
                free) extra='{}' ;;
                json) extra="{\"structured_outputs\":{\"json\":$schema}}" ;;
                regex) extra="{\"structured_outputs\":{\"regex\":\"$regex\"}}" ;;
            esac
            echo "round $round, $what"
            "$root/chasqui" bench --url "$2" --concurrency 16 --requests 48 --max-tokens 64 \
                --extra-body "$extra"
        done
    done
    exit
fi
data=${CHASQUI_SHARED:-$root/../shared}/data
"$root/loadtest/jmh.sh" -l >/dev/null
run() {
    "${JAVA_HOME:+$JAVA_HOME/bin/}java" --add-modules=jdk.incubator.vector \
        -cp "$root/target/test-classes:$root/target/classes:$(cat "$root/target/jmh.classpath")" "$@"
}
run io.chasqui.grammar.GrammarBenchmark "$data/tokenizer/llama3-tokenizer.model" "$data" \
    "$1/grammar.csv" | tee "$1/grammar.md"
run io.chasqui.engine.MaskStepBenchmark "$data/tokenizer/llama3-tokenizer.model" "$data/bfcl" 3 |
    tee "$1/grammar-step.md"
run io.chasqui.chat.ToolCallGrammarBenchmark "$data/tokenizer/llama3-tokenizer.model" |
    tee "$1/grammar-tools.md"
