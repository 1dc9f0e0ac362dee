#!/bin/bash
# Prepares the volume before mongod listens on the network: makes the server a replica set, and creates the administrator
# and an account for each service, or updates their passwords from mongodb-secret. It runs at each start, so that an
# interrupted first start, the volume of a standalone server and a changed password need no manual step.
# With the argument `update`, it changes the accounts of a set of three members, which has to run for that.
set -euo pipefail
first=mongodb-0
folder="$(dirname "$0")"

# accounts URI: from files, because mongosh exits with 0 after an error in a script on standard input.
accounts() {
    MONGODB_ROLES="$(cat "$folder/roles.json")" mongosh --quiet --norc "$1" \
        --file "$folder/replica-set.js" --file "$folder/accounts.js" </dev/null
}

if [ "${1:-}" = update ]; then
    accounts "mongodb://mongodb-0:27017,mongodb-1:27017,mongodb-2:27017/admin?replicaSet=video2mp3"
    exit
fi

# mongod accepts only a key that nobody else can read, which a Secret's volume with fsGroup is not.
key=/tmp/replica-set.key
rm -f "$key"
(umask 077; printf '%s' "${MONGODB_REPLICA_SET_KEY:?is missing in mongodb-secret}" >"$key")

# The other members get everything from the primary, also a first member that has lost its volume.
if [ "$HOSTNAME" != "$first" ]; then exit 0; fi
for other in mongodb-1 mongodb-2; do
    if timeout 2 bash -c ": <>/dev/tcp/$other/27017" 2>/dev/null; then
        echo "The replica set has other members: its accounts are not changed here"
        exit 0
    fi
done

# On the pod's own address too, by which the member recognises itself in the configuration of the set.
address="$(hostname -i)"
mongod --replSet video2mp3 --keyFile "$key" --dbpath /data/db --bind_ip "127.0.0.1,${address%% *}" \
    --unixSocketPrefix /tmp --wiredTigerCacheSizeGB 0.25 --setParameter shutdownTimeoutMillisForSignaledShutdown=0 \
    --quiet --logpath /tmp/accounts.log &
mongod=$!
trap 'kill "$mongod" 2>/dev/null && wait "$mongod" || true' EXIT

listens() { (: <>/dev/tcp/127.0.0.1/27017) 2>/dev/null; }
for _ in $(seq 120); do
    if listens || ! kill -0 "$mongod" 2>/dev/null; then break; fi
    sleep 1
done
if ! listens; then
    echo "mongod did not start. The end of its log:" >&2
    tail -n 20 /tmp/accounts.log >&2
    exit 1
fi

accounts "mongodb://127.0.0.1:27017/admin?directConnection=true"

kill "$mongod"
wait "$mongod"
trap - EXIT
