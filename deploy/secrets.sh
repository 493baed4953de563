#!/bin/sh
# secrets.sh HOME [BROKER_HOST]: folders, random secrets and settings for compose.yaml, in a folder of yours such as
# /srv/lastunit. BROKER_HOST is the name by which the boxes in the stores reach the broker (this machine's, by itself).
#
# What is there stays as it is: run it again after an upgrade, and it adds what is new. Nothing is printed but names.
set -eu
umask 077

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "secrets.sh HOME [BROKER_HOST]: say which folder, such as /srv/lastunit" >&2
    exit 2
fi
case $1 in
/*) home=$1 ;;
*)
    echo "secrets.sh: $1: name the folder from the root, such as /srv/lastunit: compose.yaml lies elsewhere" >&2
    exit 2
    ;;
esac
case $home in
*[!A-Za-z0-9/._-]*)
    echo "secrets.sh: $home: letters, digits, '.', '_' and '-' only" >&2
    exit 2
    ;;
esac
broker=${2:-$(hostname -f 2>/dev/null || hostname)}
case $broker in
'' | *[!A-Za-z0-9.-]*)
    echo "secrets.sh: '$broker' is no host name" >&2
    exit 2
    ;;
esac

# Containers run as the owner of the files: a user of its own when root does this, and the one of before when it was done.
uid=$(id -u)
gid=$(id -g)
if [ "$uid" -eq 0 ]; then
    uid=${LASTUNIT_UID:-10001}
    gid=${LASTUNIT_GID:-10001}
    if [ -e "$home/.env" ]; then
        uid=$(sed -n 's/^LASTUNIT_UID=//p' "$home/.env")
        gid=$(sed -n 's/^LASTUNIT_GID=//p' "$home/.env")
        case $uid:$gid in
        :* | *: | *[!0-9:]*)
            echo "secrets.sh: $home/.env: expected one LASTUNIT_UID and one LASTUNIT_GID, numbers" >&2
            exit 2
            ;;
        esac
    fi
fi

new=
made() {
    new="$new $1"
}
folder() { # folder NAME
    if [ ! -d "$home/$1" ]; then
        mkdir -p "$home/$1"
        made "$1/"
    fi
}
random() { # 32 random bytes as 64 hexadecimal digits: they need no quoting anywhere
    od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n'
}
secret() { # secret NAME [PREFIX]: one line
    file=$home/secrets/$1
    if [ ! -s "$file" ]; then
        value=$(random)
        if [ "${#value}" -ne 64 ]; then
            echo "secrets.sh: /dev/urandom gave no random bytes" >&2
            exit 1
        fi
        printf '%s%s' "${2:-}" "$value" >"$file.new"
        # Compose binds the file as it is, and every container has another user: readable in a folder that is not.
        chmod 0444 "$file.new"
        mv "$file.new" "$file"
        made "secrets/$1"
    fi
}

for name in secrets ca broker mosquitto postgres influxdb grafana sites backups; do
    folder "$name"
done
chmod 0700 "$home/secrets"
secret database_password
secret influxdb_admin_password
secret influxdb_gateway_login lastunit_gateway:
secret lastunit_series_password
secret grafana_admin_password

if [ ! -e "$home/.env" ]; then
    {
        echo "COMPOSE_PROJECT_NAME=lastunit"
        echo "LASTUNIT_HOME=$home"
        echo "LASTUNIT_UID=$uid"
        echo "LASTUNIT_GID=$gid"
        echo "LASTUNIT_BROKER_URL=mqtts://$broker:8883"
    } >"$home/.env"
    made .env
fi
if [ ! -e "$home/gateway.yaml" ]; then
    cat >"$home/gateway.yaml" <<'END'
# What compose.yaml does not set: docs/gateway.md lists all keys. Paths are relative to this file.
sites: []        # such as [sites/store-001.yaml]
END
    made gateway.yaml
fi
if [ "$(id -u)" -eq 0 ]; then
    for name in '' secrets ca broker mosquitto postgres influxdb grafana sites backups .env gateway.yaml; do
        chown "$uid:$gid" "$home/$name"
    done
fi
if [ -z "$new" ]; then
    echo "$home: everything was there already" >&2
else
    echo "$home: made$new" >&2
fi
