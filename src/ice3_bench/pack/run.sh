#!/usr/bin/env bash
# Measure the cells of this archive, without network: bash run [--output DIR] [--budget SECONDS] [--cells ID ...] [-- ARGS]
# Called again, it goes on with the cells that are not complete. PYTHON names another interpreter.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python@PYTHON@}
if ! command -v "$python" >/dev/null; then
    echo "Error: $python is not on PATH. The packages of this archive are for Python @PYTHON@: set PYTHON to one." >&2
    exit 2
fi
if [ "$(uname -m)" != "@MACHINE@" ]; then
    echo "Error: the packages of this archive are for @MACHINE@, and this machine is $(uname -m): pack on such a machine." >&2
    exit 2
fi
export PYTHONPATH=$here/harness PYTHONDONTWRITEBYTECODE=1
if ! problem=$("$python" -c "import ice3_bench.pack.node, numpy" 2>&1); then
    echo "Error: $python cannot run the harness: ${problem##*$'\n'}" >&2
    echo "It must be Python @PYTHON@ and have the packages that bench-pack was told of with --on-node." >&2
    exit 2
fi
exec "$python" -m ice3_bench.pack.node "$here" "$@"
