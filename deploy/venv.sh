#!/bin/sh
# venv.sh PYTHON DIR LOCKFILE: a virtual environment with exactly what the lock names, and this project in it.
set -eu
python=$1 dir=$2 lock=$3
if ! command -v "$python" >/dev/null 2>&1; then
    echo "Last Unit needs Python 3.11 or newer and '$python' is not here. On Debian or Ubuntu type:" >&2
    echo "    sudo apt-get install -y python3 python3-venv" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Last Unit needs Python 3.11 or newer; '$python' is $("$python" -V). Name another one: make demo PYTHON=python3.12" >&2
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
    echo "Python's venv module is missing. On Debian or Ubuntu type:" >&2
    echo "    sudo apt-get install -y python3-venv" >&2
    exit 1
fi
echo "Setting up $dir (once; about a minute) ..." >&2
rm -rf "$dir"
"$python" -m venv "$dir"
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$lock"
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
touch "$dir/.ready"
