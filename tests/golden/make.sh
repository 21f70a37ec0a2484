#!/bin/sh
# Writes tests/golden/files anew, each folder by its own pandas in a throw-away environment.
# Needs Python 3.9 (pandas 1.5.3 has no wheels for newer ones) and 3.11 as python3.9 and python3.11.
set -eu
here=$(dirname "$0")
make() { # pandas numpy pyarrow python
    env=$(mktemp -d)
    "$4" -m venv "$env"
    "$env/bin/pip" install -q "pandas==$1" "numpy==$2" "pyarrow==$3"
    rm -rf "$here/files/pandas-$1"
    "$env/bin/python" -W ignore "$here/write_frames.py" "$here/files/pandas-$1"
    rm -rf "$env"
}
make 1.5.3 1.23.5 12.0.1 python3.9
make 2.2.3 1.26.4 15.0.2 python3.11
make 3.1.1 2.4.6 26.0.1 python3.11
