#!/bin/sh
# Chooses the interpreter, and makes the virtual environment named by the first argument.
set -eu
target=$1

usable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

choose() {
    for candidate in ${HANDFAST_PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if ! python=$(choose); then
    # Debian keeps the venv module in a package of its own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3-venv
    fi
    if ! python=$(choose); then
        echo "handfast needs Python 3.11 or newer with its venv module (Debian: apt-get install python3-venv)." >&2
        echo "Where it has another name: make HANDFAST_PYTHON=/path/to/python ..." >&2
        exit 1
    fi
fi

"$python" -m venv --clear "$target"
# Dependency groups (PEP 735) came with pip 25.1; Python 3.11 brings an older one.
"$target/bin/python" -m pip install -qq --upgrade 'pip>=25.1'
