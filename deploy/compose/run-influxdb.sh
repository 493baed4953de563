#!/bin/sh
# run-influxdb.sh COMMAND...: InfluxDB 1.8's image takes its first passwords from the environment only. This reads them
# from the files of compose, so that they stand in no configuration of a container, and goes on as the image does.
#
# The gateway's file is `user:password`, as its series_token_file wants it.
set -eu
secrets=${LASTUNIT_SECRETS_DIR:-/run/secrets}
login=$(cat "$secrets/influxdb_gateway_login")
if [ "${login%%:*}" != "$INFLUXDB_WRITE_USER" ]; then
    echo "run-influxdb: influxdb_gateway_login names ${login%%:*}, and compose.yaml $INFLUXDB_WRITE_USER" >&2
    exit 2
fi
INFLUXDB_ADMIN_PASSWORD=$(cat "$secrets/influxdb_admin_password")
INFLUXDB_WRITE_USER_PASSWORD=${login#*:}
INFLUXDB_READ_USER_PASSWORD=$(cat "$secrets/lastunit_series_password")
export INFLUXDB_ADMIN_PASSWORD INFLUXDB_WRITE_USER_PASSWORD INFLUXDB_READ_USER_PASSWORD
exec "${LASTUNIT_IMAGE_ENTRY:-/entrypoint.sh}" "$@"
