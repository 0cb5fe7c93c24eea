#!/bin/sh
# Runs the JMH benchmarks of src/test/java:
#
#   loadtest/jmh.sh                      all of them
#   loadtest/jmh.sh MatMul -p threads=2  those whose name holds MatMul, with JMH's own options
#   loadtest/jmh.sh -l                   lists them
#
# JAVA_HOME names the JDK 25. On a busy machine believe only ratios within one run.
set -eu
cd "$(dirname "$0")/.."
classpath=target/jmh.classpath
mvn -q -B -ntp -o test-compile || mvn -q -B -ntp test-compile
[ $classpath -nt pom.xml ] || mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:build-classpath \
    -Dmdep.outputFile=$classpath -Dmdep.includeScope=test
exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" --add-modules=jdk.incubator.vector \
    --enable-native-access=ALL-UNNAMED \
    -cp "target/test-classes:target/classes:$(cat $classpath)" org.openjdk.jmh.Main "$@"
