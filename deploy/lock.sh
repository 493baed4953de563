#!/bin/sh
# Pins every package with its hashes. The files name no index: each machine uses its own.
set -eu
uv=${UV:-uv}
if ! command -v "$uv" >/dev/null 2>&1; then
    echo "make lock needs uv: pip install uv (or UV=/path/to/uv make lock)" >&2
    exit 1
fi
compile() {
    "$uv" pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --quiet "$@"
}
compile --extra demo --group build -o requirements/demo.txt
compile --extra gateway --extra postgres --extra influx --group build -o requirements/gateway.txt
compile --extra edge --group build -o requirements/edge.txt
compile --extra all --group dev -o requirements/dev.txt
