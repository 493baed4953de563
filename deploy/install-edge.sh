#!/bin/sh
# install-edge.sh [--dry-run] [--root DIR] [--python PROGRAM] [--without-packages]
#
# The edge daemon on a Debian machine: a Raspberry Pi class box (64 bit) or anything larger. Run it as root, out of the
# source or an unpacked release, again after each upgrade: what is there stays, what is old is replaced.
#
#   --dry-run           say what would be done, and do nothing
#   --root DIR          install below DIR, as for an image that is written to cards: no user is made, nothing is started
#   --python PROGRAM    Python 3.11 or newer (python3)
#   --without-packages  the program is in /opt/lastunit already: only the user, the folders and the units
#
# What it makes: the user lastunit, /opt/lastunit (a virtual environment with exactly the locked packages), /etc/lastunit,
# /var/lib/lastunit, and the units lastunit-edge.service and lastunit-renew.timer. It enrols nothing: docs/deploy.md.
set -eu
umask 022 # the daemon is another user than root, and reads the program

root=
dry=
packages=yes
python=python3
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry=yes ;;
    --without-packages) packages= ;;
    --root | --python)
        if [ $# -lt 2 ]; then
            echo "install-edge.sh: $1: say which" >&2
            exit 2
        fi
        if [ "$1" = --root ]; then root=${2%/}; else python=$2; fi
        shift
        ;;
    *)
        echo "install-edge.sh: $1: no such option; the head of this file lists them" >&2
        exit 2
        ;;
    esac
    shift
done
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

fail() {
    echo "install-edge.sh: $*" >&2
    exit 1
}
run() {
    if [ -n "$dry" ]; then
        echo "would run: $*"
    else
        "$@"
    fi
}
say() {
    echo "install-edge.sh: $*" >&2
}

# -- what must be there
for file in pyproject.toml requirements/edge.txt deploy/systemd/lastunit-edge.service; do
    [ -e "$source/$file" ] || [ -z "$packages" ] || fail "$source/$file is missing: run this out of the whole source"
done
if [ -z "$root" ] && [ -z "$dry" ]; then
    [ "$(id -u)" -eq 0 ] || fail "root only: sudo sh $0"
    command -v systemctl >/dev/null 2>&1 || fail "no systemd here: run 'lastunit edge' under what this machine has"
fi
if [ -n "$packages" ]; then
    command -v "$python" >/dev/null 2>&1 || fail "no $python: apt-get install -y python3 python3-venv"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$python is $("$python" -V), and 3.11 or newer is needed (Debian 12)"
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 || fail "no venv module: apt-get install -y python3-venv"
    # Wheels exist for 64 bit; a 32-bit system would have to compile them.
    bits=$("$python" -c 'import struct; print(struct.calcsize("P") * 8)')
    [ "$bits" -eq 64 ] || fail "this Python has $bits bits: install a 64-bit system (on a Raspberry Pi: the 64-bit image)"
fi

# -- the user, who may open serial ports
if [ -z "$root" ]; then
    if ! getent passwd lastunit >/dev/null 2>&1; then
        run useradd --system --user-group --home-dir /var/lib/lastunit --no-create-home \
            --shell /usr/sbin/nologin lastunit
    fi
fi

# -- the program: made beside the old one and put in its place, so that a failed download leaves what runs
place=$root/opt/lastunit
if [ -n "$packages" ]; then
    lock=$(cksum <"$source/requirements/edge.txt")
    run rm -rf "$place.new"
    run mkdir -p "$root/opt"
    run "$python" -m venv "$place.new"
    run "$place.new/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes \
        --only-binary :all: -r "$source/requirements/edge.txt"
    run "$place.new/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps \
        --no-build-isolation "$source"
    # A virtual environment names itself in its programs: ours is called by the name that it will have.
    if [ -z "$dry" ]; then
        for program in "$place.new"/bin/*; do
            if [ -f "$program" ] && [ ! -L "$program" ]; then
                sed -i "1s|^#!.*$place.new/bin/|#!/opt/lastunit/bin/|; s|$place.new|/opt/lastunit|g" "$program"
            fi
        done
        echo "$lock" >"$place.new/requirements.cksum"
    fi
    run rm -rf "$place.old"
    [ ! -e "$place" ] || run mv "$place" "$place.old"
    run mv "$place.new" "$place"
fi

# -- folders and units
run mkdir -p "$root/etc/lastunit" "$root/etc/systemd/system" "$root/var/lib/lastunit" "$root/var/lib/lastunit-edge"
run chmod 0750 "$root/etc/lastunit"
run chmod 0700 "$root/var/lib/lastunit" "$root/var/lib/lastunit-edge"
if [ -z "$root" ]; then
    run chown root:lastunit /etc/lastunit
    run chown lastunit:lastunit /var/lib/lastunit /var/lib/lastunit-edge
fi
for unit in lastunit-edge.service lastunit-renew.service lastunit-renew.timer; do
    run install -m 0644 "$source/deploy/systemd/$unit" "$root/etc/systemd/system/$unit"
done

# -- started by itself from the next boot on; now, when it runs already or has everything
if [ -z "$root" ]; then
    run systemctl daemon-reload
    run systemctl enable lastunit-edge.service lastunit-renew.timer
    run systemctl try-restart lastunit-edge.service
    run systemctl start lastunit-renew.timer
fi

if [ ! -e "$root/etc/lastunit/site.yaml" ]; then
    say "next: the site file to $root/etc/lastunit/site.yaml (docs/site-file.md), readable for the user lastunit"
fi
if [ ! -e "$root/var/lib/lastunit/identity/edge.pem" ]; then
    say "next: a code from the gateway (lastunit ca code), then:"
    say "  sudo -u lastunit /opt/lastunit/bin/lastunit enroll https://GATEWAY --code CODE --out /var/lib/lastunit/identity"
fi
say "then: systemctl start lastunit-edge"
