#!/bin/sh
# Writes nginx's configuration from the environment and becomes nginx.
set -eu
: "${LISTEN:=8080}" "${HEALTH_LISTEN:=8083}" "${GATEWAY_ADDRESS:=127.0.0.1:8000}" "${WEB_ROOT:=/web}"
: "${CLIENT_TIMEOUT:=30}" "${LOG_FORMAT:=text}" "${TMPDIR:=/tmp}"
export LISTEN HEALTH_LISTEN GATEWAY_ADDRESS WEB_ROOT CLIENT_TIMEOUT LOG_FORMAT TMPDIR
# shellcheck disable=SC2016  # the names, for envsubst
names='${LISTEN} ${HEALTH_LISTEN} ${GATEWAY_ADDRESS} ${WEB_ROOT} ${CLIENT_TIMEOUT} ${LOG_FORMAT} ${TMPDIR}'
mkdir -p "$TMPDIR"
configuration="$TMPDIR/nginx.conf"
envsubst "$names" <"$(dirname "$0")/nginx.conf.template" >"$configuration"
# The folder of its processes, whose titles and environments tell nothing about them.
cd "$TMPDIR"
# As root, nginx would give its workers to another user, who can read neither the page nor the folder above.
[ "$(id -u)" != 0 ] || set -- -g 'user root;'
exec nginx -e stderr -c "$configuration" "$@"
