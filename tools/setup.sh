#!/usr/bin/env bash
# Prepare what a fresh machine lacks, and nothing else. A second run finds all in place and says nothing.
#
#   tools/setup.sh demo    .venvs/demo: what the gateway needs at run time
#   tools/setup.sh test    .venvs/test: that, the development tools, and the server programs of PostgreSQL and RabbitMQ
#   tools/setup.sh lock    .venvs/lock: the tool behind `make requirements`
#
# LIENTHONG_PYTHON names the Python to use, if the first one that fits is not the one wanted.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Install Debian packages; fails, naming them, where we may not. Services that come with them stay down: the tests start servers of
# their own, on ports of their own. A function in parentheses has a trap of its own.
apt_install() (
    as_root=()
    command -v apt-get >/dev/null || { say "missing: $* (install them your system's way)"; exit 1; }
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
            as_root=(sudo)
        else
            say "missing: $*. As root, run: apt-get install $*"
            exit 1
        fi
    fi
    say "installing $* with apt-get"
    policy=/usr/sbin/policy-rc.d # what it answers decides whether a package may start its service
    if [ ! -e "$policy" ]; then
        trap '"${as_root[@]}" rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod +x "$policy"
    fi
    "${as_root[@]}" apt-get update -qq || say "apt-get update failed; trying with the package lists at hand"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2 9>&- # a server started now must not keep our lock
)

# Print the first Python that really runs (a shim may not), is 3.11 or newer and can make a virtual environment.
find_python() {
    local name path
    for name in ${LIENTHONG_PYTHON:-python3.11 python3.12 python3.13 python3}; do
        while read -r path; do
            "$path" - 2>/dev/null <<'PYTHON' && return 0
import sys
if sys.version_info < (3, 11):
    raise SystemExit(1)
import ctypes, ensurepip, sqlite3, ssl, venv
print(sys.executable)
PYTHON
        done < <(type -aP "$name" || true)
    done
    return 1
}

need_python() {
    find_python && return 0
    apt_install python3 python3-venv >&2 || true
    find_python || fail "no Python 3.11 or newer that can make virtual environments (Debian: python3, python3-venv)"
}

# $1: what the tests need; the rest: its packages.
need_program() {
    local what="$1"
    shift
    apt_install "$@" ||
        if [ "${LIENTHONG_CI:-}" = 1 ]; then
            fail "the tests need $what"
        else
            say "missing: $what. The tests that need it will be skipped"
        fi
}

need_postgresql() {
    command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
        need_program "PostgreSQL's server programs" postgresql
}

need_rabbitmq() {
    if [ ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || ! command -v openssl >/dev/null; then
        need_program "RabbitMQ's server programs" rabbitmq-server openssl
    fi
}

# Checks the units in deploy/systemd; the package starts nothing.
need_systemd_analyze() {
    command -v systemd-analyze >/dev/null || need_program systemd-analyze systemd
}

# Programs that are not ours, for tests/integration: SOAP clients in other languages, OpenID providers and clients. Without them those tests
# are skipped.
need_foreign_clients() {
    [ -e /usr/lib/apache2/modules/mod_auth_openidc.so ] || apt_install apache2 libapache2-mod-auth-openidc ||
        say "Apache's mod_auth_openidc is missing: its test will be skipped"
    php -m 2>/dev/null | grep -qx soap || apt_install php-cli php-soap ||
        say "PHP's SoapClient is missing: its test will be skipped"
    command -v npm >/dev/null || apt_install nodejs npm || true
    local inputs
    inputs="$(fingerprint tests/foreign/package-lock.json)"
    if [ "$(cat .venvs/node/.made-from 2>/dev/null)" != "$inputs" ]; then
        mkdir -p .venvs/node
        cp tests/foreign/package.json tests/foreign/package-lock.json .venvs/node/
        if (cd .venvs/node && npm ci --silent --no-audit --no-fund --ignore-scripts) >&2; then
            echo "$inputs" >.venvs/node/.made-from
        else
            say "Node's packages are missing: their tests will be skipped"
        fi
    fi
}

# What an installation depends on: these files, this script, and where the checkout lies.
fingerprint() { { cat "$@" tools/setup.sh && pwd; } | sha256sum; }

# True if this virtual environment was made from these inputs and still runs.
is_ready() { [ "$(cat "$1/.made-from" 2>/dev/null)" = "$2" ] && "$1/bin/python" -c '' 2>/dev/null; }

make_venv() {
    local venv="$1" python
    python="$(need_python)"
    say "making $venv with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
}

install_project() {
    local venv=".venvs/$1" requirements="$2" inputs
    inputs="$(fingerprint "$requirements")"
    if ! is_ready "$venv" "$inputs"; then
        make_venv "$venv"
        say "installing $requirements"
        "$venv/bin/python" -m pip install -qq --require-hashes -r "$requirements"
        echo "$inputs" >"$venv/.made-from"
    fi
    inputs="$(fingerprint pyproject.toml)"
    if [ "$(cat "$venv/.project" 2>/dev/null)" != "$inputs" ]; then
        say "installing the project into $venv"
        "$venv/bin/python" -m pip install -qq --no-deps --no-build-isolation --editable .
        # The wheel's copy of config/ is packed even here; the checkout has the real one.
        rm -rf "$venv"/lib/python3*/site-packages/gateway
        echo "$inputs" >"$venv/.project"
    fi
}

install_lock_tool() {
    local inputs
    inputs="$(fingerprint)"
    if ! is_ready .venvs/lock "$inputs"; then
        make_venv .venvs/lock
        .venvs/lock/bin/python -m pip install -qq uv
        echo "$inputs" >.venvs/lock/.made-from
    fi
}

mkdir -p .venvs
exec 9>.venvs/.lock
if command -v flock >/dev/null; then flock 9; fi # two runs at once: the second waits

case "${1:-}" in
    demo) install_project demo requirements/base.txt ;;
    test)
        need_postgresql
        need_rabbitmq
        need_systemd_analyze
        need_foreign_clients
        install_project test requirements/dev.txt
        ;;
    lock) install_lock_tool ;;
    *) fail "usage: tools/setup.sh demo|test|lock" ;;
esac
