#!/bin/sh
# Makes target/chasqui-<version>-linux-x86_64.tar.xz out of what the build left in target: a Java
# runtime cut down to what Chasqui uses, the application, JCuda's native library and a launcher.
# Unpacked, it needs neither Java nor anything else of CUDA than the driver.
#
# JAVA_HOME names the JDK. It is called by ./chasqui bundle, after the build.
#
# XZ_OPT  options of xz: -9 takes twice as long as the default and saves 2 %, -2 a third and costs 15 %
set -eu

export XZ_OPT="${XZ_OPT:--6}"

# What the application's jars refer to by jdeps, less what only their optional parts use: java.desktop
# (beans of expression languages), java.sql (Jackson's SQL dates), java.rmi and jdk.compiler
# (development mode).
MODULES=java.base,java.compiler,java.logging,java.management,java.naming,java.net.http,java.xml
MODULES=$MODULES,jdk.incubator.vector,jdk.management,jdk.unsupported
LIMIT=$((40 << 20))

sources=$(cd "${0%/*}" && pwd -P)
root=${sources%/src/main/bundle}
target=$root/target

fail() {
    echo "chasqui: $*" >&2
    exit 1
}

version() {
    find "$target/quarkus-app/app" -name 'chasqui-*.jar' | sed 's,.*/chasqui-\(.*\)\.jar,\1,'
}

make_runtime() {
    "$JAVA_HOME/bin/jlink" --add-modules $MODULES --strip-debug --no-man-pages --no-header-files \
        --compress zip-0 --output "$1" >"$target/jlink.log" 2>&1 || fail "jlink failed: $target/jlink.log"
}

# Everything is stored uncompressed, and compressed once, by xz: so it is smallest.
copy_application() {
    cp -R "$target/quarkus-app" "$1"
    "$JAVA_HOME/bin/java" "$sources/StoreJars.java" "$1"
}

copy_native_library() {
    mkdir "$1"
    cp "$target"/native/lib/libJCudaDriver-*.so "$1"
}

copy_launcher() {
    mkdir "$1"
    cp "$sources/chasqui" "$1"
    chmod 755 "$1/chasqui"
}

pack() {
    tar -C "$target/bundle" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@946684800 \
        -cf - "$1" | xz -T0 >"$2.new"
    mv "$2.new" "$2"
}

[ "$(uname -sm)" = "Linux x86_64" ] || fail "a bundle is for Linux on x86-64, and made there."
[ -n "$JAVA_HOME" ] || fail "JAVA_HOME is not set; run ./chasqui bundle."
command -v xz >/dev/null || fail "needs xz: install it (xz-utils)."
name=chasqui-$(version)-linux-x86_64
folder=$target/bundle/$name
archive=$target/$name.tar.xz
rm -rf "$target/bundle"
mkdir -p "$folder"
make_runtime "$folder/runtime"
copy_application "$folder/app"
copy_native_library "$folder/lib"
copy_launcher "$folder/bin"
cp "$root/LICENSE" "$folder"
pack "$name" "$archive"
size=$(wc -c <"$archive")
[ "$size" -le $LIMIT ] || fail "$archive has $size bytes, more than $LIMIT."
echo "$archive"
