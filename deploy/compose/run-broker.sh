#!/bin/sh
# run-broker.sh DIR: Mosquitto with the files that `lastunit ca broker` and the gateway write into DIR. When the ACL, the
# list of revoked certificates or the broker's own certificate change, it is told to read them again (SIGHUP), within
# LASTUNIT_LOOK_S seconds.
#
# On a machine with systemd the same is done by lastunit-broker-reload.path; in a container nobody else could.
set -eu
dir=$1
look_s=${LASTUNIT_LOOK_S:-5}

seen() {
    cksum "$dir/acl" "$dir/crl.pem" "$dir/server.pem" 2>/dev/null || true
}

mosquitto -c "$dir/mosquitto.conf" &
broker=$!
trap 'kill -TERM "$broker"' TERM INT
before=$(seen)
while kill -0 "$broker" 2>/dev/null; do
    sleep "$look_s" &
    nap=$!
    wait "$nap" || true # a signal ends the nap early
    kill "$nap" 2>/dev/null || true
    now=$(seen)
    if [ "$now" != "$before" ]; then
        before=$now
        echo "run-broker: the files of $dir changed: reading them again" >&2
        kill -HUP "$broker" 2>/dev/null || true
    fi
done
code=0
wait "$broker" || code=$?
exit "$code"
