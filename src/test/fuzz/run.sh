#!/bin/bash
# Fuzzes with Jazzer: run.sh [seconds per target] [target...]
# Needs a JDK 25 in JAVA_HOME. What it learnt is kept in target/fuzz/corpus; an input that breaks
# something lands in target/fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/../../.."
seconds=${1:-60}
shift || true
work=target/fuzz
mkdir -p "$work"

mvn -q -B -ntp -Dspotless.check.skip test-compile
mvn -q -B -ntp -Pfuzz dependency:build-classpath -Dmdep.outputFile="$work/classpath" \
    -DincludeScope=runtime
classpath="target/test-classes:target/classes:$(cat "$work/classpath")"

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    targets=($(ls src/test/fuzz/seeds))
fi
status=0
for target in "${targets[@]}"; do
    source=$(cd src/test/java && find io -name "${target}FuzzTarget.java")
    class=$(echo "${source%.java}" | tr / .)
    corpus=$work/corpus/$target
    findings=$work/findings/$target
    mkdir -p "$corpus" "$findings"
    dictionary=src/test/fuzz/dictionaries/$target.dict
    options=(-max_total_time="$seconds" -timeout=60 -report_slow_units=2 -max_len=16384)
    options+=(-artifact_prefix="$findings/" -print_final_stats=1)
    [ -f "$dictionary" ] && options+=(-dict="$dictionary")
    echo "== $target for $seconds s"
    "$JAVA_HOME/bin/java" -Xmx512m -XX:+EnableDynamicAgentLoading \
        --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
        -cp "$classpath" com.code_intelligence.jazzer.Jazzer \
        --target_class="$class" --reproducer_path="$findings" \
        --instrumentation_includes='io.chasqui.**:com.fasterxml.jackson.core.json.**' \
        --instrumentation_excludes='io.chasqui.testing.**:io.chasqui.fuzz.**' \
        --custom_hook_includes='io.chasqui.**:com.fasterxml.jackson.core.**' \
        "${options[@]}" "$corpus" "src/test/fuzz/seeds/$target" >"$work/$target.log" 2>&1 ||
        { echo "   FOUND something, see $work/$target.log and $findings"; status=1; }
    grep -E 'stat::number_of_executed_units|stat::average|stat::slowest|stat::peak' "$work/$target.log" || true
    echo "   corpus: $(ls "$corpus" | wc -l) inputs"
done
exit $status
