#!/bin/sh
# Builds the client and its sample with Debian's packages alone (scripts/java_packages.sh installs them), into build/ or
# the folder given: pcworker-client.jar and its sources, `classpath` with all that running it needs, and `native`, which TLS
# needs too. With `--javadoc` as the second argument, pcworker-client-javadoc.jar as well.
set -eu

for tool in javac jar protoc grpc_java_plugin; do
    command -v "$tool" >/dev/null && continue
    echo "error: $tool is missing: as root, run scripts/java_packages.sh, which installs all that is needed" >&2
    exit 69
done

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
proto=$(dirname -- "$(dirname -- "$here")")/proto
out=${1:-$here/build}
jars=/usr/share/java

jar_list() { for name in "$@"; do printf ':%s/%s.jar' "$jars" "$name"; done; }
compile=$(jar_list protobuf grpc-api grpc-stub grpc-core grpc-protobuf guava geronimo-annotation-1.3-spec)
run=$(jar_list protobuf grpc-api grpc-stub grpc-core grpc-protobuf grpc-protobuf-lite grpc-context grpc-netty guava \
    perfmark-api netty-buffer netty-codec netty-codec-http netty-codec-http2 netty-common netty-handler netty-resolver \
    netty-transport netty-tcnative postgresql)

rm -rf "$out/generated" "$out/classes"
mkdir -p "$out/generated" "$out/classes"
protoc -I "$proto" --java_out="$out/generated" --plugin=protoc-gen-grpc-java="$(command -v grpc_java_plugin)" \
    --grpc-java_out="$out/generated" "$proto/embedding_stream.proto"

javac="javac -J-XX:+UseSerialGC -J-XX:TieredStopAtLevel=1 --release 17 -encoding UTF-8 -d $out/classes"
# Generated code has warnings that we cannot fix; our own code has none.
$javac -nowarn -Xlint:none -cp "${compile#:}" $(find "$out/generated" -name '*.java')
$javac -Xlint:all,-processing -Xdoclint:all/protected -cp "$out/classes$compile" $(find "$here/src/main/java" -name '*.java')

printf 'Automatic-Module-Name: com.alpha.pcworker.client\n' >"$out/manifest"
cp "$here/../../LICENSE" "$out/classes/LICENSE"
jar --create --file "$out/pcworker-client.jar" --manifest "$out/manifest" -C "$out/classes" .
jar --create --file "$out/pcworker-client-sources.jar" -C "$here/src/main/java" . -C "$out/generated" .
if [ "${2:-}" = --javadoc ]; then
    javadoc -quiet -encoding UTF-8 --release 17 -cp "$out/classes$compile" -d "$out/javadoc" $(find "$here/src/main/java" -name '*.java')
    jar --create --file "$out/pcworker-client-javadoc.jar" -C "$out/javadoc" .
fi
printf '%s%s\n' "$out/pcworker-client.jar" "$run" >"$out/classpath"

# Debian's netty has no TLS of its own that HTTP/2 can use, and looks for the library that has under another name than
# the one Debian gives it; a link would not do, for the library insists on its own file's name.
mkdir -p "$out/native"
cp /usr/lib/*/jni/libnetty-tcnative.so "$out/native/libnetty_tcnative.so"
