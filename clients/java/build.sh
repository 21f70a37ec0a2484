#!/bin/sh
# Builds the modules with Debian's packages alone (scripts/java_packages.sh installs them).
#
# usage: build.sh [FOLDER] [--javadoc] [--test]
#
# Writes into FOLDER (build/ here): MODULE.jar and MODULE-sources.jar of each module; `classpath`, all that running them
# needs; `native`, which TLS needs too. --javadoc adds MODULE-javadoc.jar, --test runs the unit tests.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
project=$(dirname -- "$(dirname -- "$here")")
jars=/usr/share/java
modules="pc-worker-client pc-worker-sample"

out='' javadoc='' test=''
for argument in "$@"; do
    case $argument in
    --javadoc) javadoc=1 ;;
    --test) test=1 ;;
    -*) echo "error: there is no option $argument; usage: build.sh [FOLDER] [--javadoc] [--test]" >&2 && exit 2 ;;
    *) out=$argument ;;
    esac
done
out=${out:-$here/build}

jar_list() { for name in "$@"; do printf ':%s/%s.jar' "$jars" "$name"; done; }
compile=$(jar_list protobuf grpc-api grpc-stub grpc-core grpc-protobuf guava geronimo-annotation-1.3-spec)
run=$(jar_list protobuf grpc-api grpc-stub grpc-core grpc-protobuf grpc-protobuf-lite grpc-context grpc-netty guava \
    perfmark-api netty-buffer netty-codec netty-codec-http netty-codec-http2 netty-common netty-handler netty-resolver \
    netty-transport netty-tcnative postgresql)
junit=$(jar_list junit-jupiter-api junit-jupiter-engine junit-jupiter-params junit-platform-commons junit-platform-console \
    junit-platform-engine junit-platform-launcher junit-platform-reporting opentest4j opentest4j-reporting-events \
    apiguardian-api picocli univocity-parsers)

require() {
    [ -n "$1" ] && return
    echo "error: $2 is missing: as root, run scripts/java_packages.sh, which installs all that is needed" >&2
    exit 69
}
for tool in javac jar protoc grpc_java_plugin; do require "$(command -v "$tool")" "$tool"; done
for file in $(echo "$compile$run${test:+$junit}" | tr : ' '); do require "$([ ! -e "$file" ] || echo there)" "$file"; done

# A build takes seconds: the tools start sooner without the JVM's best compiler and collector.
fast="-J-XX:+UseSerialGC -J-XX:TieredStopAtLevel=1"
sources() { find "$@" -name '*.java'; }
# Our own code has no warnings, in its comments either.
compile_into() {
    classes=$1 classpath=$2
    shift 2
    javac $fast --release 17 -encoding UTF-8 -Xlint:all,-processing -Xdoclint:all/protected -Werror -d "$classes" \
        -cp "$classpath" "$@"
}

rm -rf "$out/generated" "$out/classes" "$out/javadoc"
mkdir -p "$out/generated"
protoc -I "$project/proto" --java_out="$out/generated" --plugin=protoc-gen-grpc-java="$(command -v grpc_java_plugin)" \
    --grpc-java_out="$out/generated" "$project/proto/embedding_stream.proto"
# Generated code has warnings that we cannot fix.
javac $fast --release 17 -encoding UTF-8 -nowarn -Xlint:none -d "$out/classes/pc-worker-client" -cp "${compile#:}" \
    $(sources "$out/generated")

before='' # the modules that the next one may use
for module in $modules; do
    classes=$out/classes/$module name=com.alpha.pcworker.${module#pc-worker-} source=$here/$module/src/main/java
    mkdir -p "$classes/META-INF"
    compile_into "$classes" "$classes$before$compile" $(sources "$source")
    cp "$project/LICENSE" "$classes/META-INF/LICENSE"
    printf 'Automatic-Module-Name: %s\n' "$name" >"$out/manifest"
    jar $fast --create --file "$out/$module.jar" --manifest "$out/manifest" -C "$classes" .
    if [ "$module" = pc-worker-client ]; then
        jar $fast --create --file "$out/$module-sources.jar" -C "$source" . -C "$out/generated" .
    else
        jar $fast --create --file "$out/$module-sources.jar" -C "$source" .
    fi
    if [ -n "$javadoc" ]; then
        javadoc $fast -quiet -Xdoclint:all -Werror -encoding UTF-8 --release 17 -cp "$classes$before$compile" \
            -d "$out/javadoc/$module" $(sources "$source")
        jar $fast --create --file "$out/$module-javadoc.jar" -C "$out/javadoc/$module" .
    fi
    before=$before:$classes
done

archives=''
for module in $modules; do archives=$archives:$out/$module.jar; done
printf '%s%s\n' "${archives#:}" "$run" >"$out/classpath"

# Debian's netty has no TLS of its own that HTTP/2 can use, and looks for the library that has under another name than
# the one Debian gives it; a link would not do, for the library insists on its own file's name.
mkdir -p "$out/native"
cp /usr/lib/*/jni/libnetty-tcnative.so "$out/native/libnetty_tcnative.so"

if [ -n "$test" ]; then
    tests=$out/classes/tests
    javac $fast --release 17 -encoding UTF-8 -Xlint:all,-processing,-path -Werror -d "$tests" -cp "${before#:}$compile$junit" \
        $(sources "$here"/*/src/test/java)
    java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$tests$before$run$junit" org.junit.platform.console.ConsoleLauncher \
        --scan-classpath "$tests" --details=tree --disable-banner --disable-ansi-colors >"$out/tests.txt" || {
        cat "$out/tests.txt" >&2
        exit 1
    }
fi
