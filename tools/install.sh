#!/bin/sh
# Install simkit with its tools into a virtual environment: sh tools/install.sh VENV
# PYTHON names the interpreter (3.10 or newer; default python3). On Debian it installs what the
# interpreter lacks, if it may; else it says what to install.
set -eu
venv=${1:-.venv}
python=${PYTHON:-python3}

need() { # need PACKAGES... : install Debian packages, or say so and stop
    echo "simkit: installing system packages: $*"
    if ! command -v apt-get >/dev/null; then
        echo "simkit: please install the equivalent of Debian's $* and run this again" >&2
        exit 1
    fi
    if [ "$(id -u)" = 0 ]; then
        sudo=
    elif sudo -n true 2>/dev/null; then
        sudo=sudo
    else
        echo "simkit: please run: sudo apt-get install -y $*" >&2
        exit 1
    fi
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

command -v "$python" >/dev/null || need python3 python3-venv
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
    echo "simkit: $python is $("$python" -V 2>&1); 3.10 or newer is needed (make PYTHON=python3.11 ...)" >&2
    exit 1
}
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import ensurepip' 2>/dev/null || need "python$version-venv"

# PyBullet 3.2.7 has a wheel for CPython 3.11; for others pip builds it from source.
if [ "$version" != 3.11 ]; then
    command -v c++ >/dev/null || need g++
    header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
    [ -e "$header" ] || need "python$version-dev"
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable '.[dev]'
echo "simkit: installed into $venv; try: $venv/bin/simkit doctor"
