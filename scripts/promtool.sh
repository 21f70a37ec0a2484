#!/bin/sh
# Prints where promtool is: the installed one, else Debian's, which is taken from its package into a cache. Installs nothing.
set -eu

refuse() {
    printf 'error: %s\n' "$1" >&2
    exit 69
}

command -v promtool && exit 0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pc_worker
[ ! -x "$cache/promtool" ] || { printf '%s\n' "$cache/promtool"; exit 0; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || refuse "promtool is missing: install Prometheus"

mkdir -p "$cache"
folder=$(mktemp -d "$cache/download.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# Package lists may be absent, as in a container's image; they are asked for only where needed.
download() { apt-get download -qq prometheus >&2; }
download || { apt-get update -qq >&2 && download; } || refuse "apt-get could not download prometheus; it says why above"
dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xf - ./usr/bin/promtool
mv usr/bin/promtool "$cache/promtool"
printf '%s\n' "$cache/promtool"
