#!/bin/sh
# Installs what builds, tests and runs clients/java from Debian's packages (JDK 17, grpc-java 1.41, protobuf 3.21, JUnit 5.9):
# Maven Central is not needed. Does nothing where all is there; needs root and apt-get otherwise.
set -eu

# javac is asked for by name: any JDK from 17 on will do, and one that is there already is kept.
packages="protobuf-compiler protobuf-compiler-grpc-java-plugin libgrpc-java libprotobuf-java libnetty-java libnetty-tcnative-java
    libnetty-tcnative-jni libperfmark-java libguava-java libgeronimo-annotation-1.3-spec-java libpostgresql-jdbc-java junit5"
command -v javac >/dev/null || packages="$packages openjdk-17-jdk-headless"

is_complete() {
    command -v javac >/dev/null && command -v protoc >/dev/null && command -v grpc_java_plugin >/dev/null &&
        [ -e /usr/share/java/grpc-netty.jar ] && [ -e /usr/share/java/netty-tcnative.jar ] &&
        [ -e /usr/share/java/geronimo-annotation-1.3-spec.jar ] &&
        [ -e /usr/share/java/postgresql.jar ] && [ -e /usr/share/java/junit-platform-console.jar ]
}

refuse() {
    printf 'error: %s\n' "$1" >&2
    exit 69
}

is_complete && exit 0
command -v apt-get >/dev/null || refuse "the Java client's packages are missing, and there is no apt-get to install them with"
[ "$(id -u)" = 0 ] || refuse "the Java client's packages are missing; as root, run: apt-get install $(echo $packages)"

# Another apt-get may run, as at the start of a machine: wait for it.
wait="-o DPkg::Lock::Timeout=300"
# Package lists may be absent, as in a container's image; they are asked for only where needed.
install() { DEBIAN_FRONTEND=noninteractive apt-get $wait install -y -qq --no-install-recommends $packages >&2; }
install || { apt-get $wait update -qq >&2 && install; } || refuse "apt-get could not install the Java client's packages; it says why above"
is_complete || refuse "the Java client's packages are installed, but not where Debian 12 has them"
