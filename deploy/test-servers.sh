#!/bin/sh
# The real servers that the tests talk to: a broker, a database, two stores of time series, a browser. Nothing is started
# here: each test starts its own, on a free port, in its own folder, and stops it. And what judges the files of deploy/:
# systemd's, compose's and the shell's own checks.
set -eu

missing=
need() { # need PACKAGE PROGRAM...
    package=$1
    shift
    for program in "$@"; do
        if command -v "$program" >/dev/null 2>&1 || [ -x "$program" ]; then
            return 0
        fi
    done
    missing="$missing $package"
}

# shellcheck disable=SC2012 # the names are versions
pg_bin=$(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -n 1 || true)
need openssl openssl
need mosquitto mosquitto /usr/sbin/mosquitto
need postgresql "${pg_bin:-/nonexistent}" postgres
need influxdb influxd /usr/sbin/influxd
need victoria-metrics victoria-metrics /usr/sbin/victoria-metrics
need "chromium fonts-dejavu-core" chromium chromium-browser
need systemd systemd-analyze
need docker-compose docker-compose
need shellcheck shellcheck

if [ -z "$missing" ]; then
    exit 0
fi
line="apt-get update && apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -ne 0 ]; then
    echo "The tests need servers that this machine lacks:$missing. Type this once, then 'make test' again:" >&2
    echo "    sudo sh -c '$line'" >&2
    exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need:$missing. This machine has no apt-get; install them by its own package manager." >&2
    exit 1
fi

# Debian starts a server as soon as it is installed; exit code 101 of this policy forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT INT TERM
fi
echo "Installing$missing for the tests (nothing is started) ..." >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of package names
apt-get install -y -qq --no-install-recommends $missing >/dev/null
