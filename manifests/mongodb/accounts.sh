#!/bin/bash
# Creates the administrator and an account for each service before mongod listens on the network, or updates their
# passwords from mongodb-secret. It runs at each start, so that an interrupted first start and a changed password need no
# manual step.
set -euo pipefail
port=27018

# Without access control, because only this container can reach it.
mongod --dbpath /data/db --bind_ip 127.0.0.1 --port "$port" --unixSocketPrefix /tmp --wiredTigerCacheSizeGB 0.25 \
    --quiet --logpath /tmp/accounts.log &
mongod=$!
trap 'kill "$mongod" 2>/dev/null && wait "$mongod" || true' EXIT

listens() { (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
for _ in $(seq 120); do
    if listens || ! kill -0 "$mongod" 2>/dev/null; then break; fi
    sleep 1
done
if ! listens; then
    echo "mongod did not start. The end of its log:" >&2
    tail -n 20 /tmp/accounts.log >&2
    exit 1
fi

# From a file, because mongosh exits with 0 after an error in a script on standard input.
mongosh --quiet --norc --port "$port" admin --file "$(dirname "$0")/accounts.js"

kill "$mongod"
wait "$mongod"
trap - EXIT
