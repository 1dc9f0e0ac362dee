#!/bin/bash
# Before mongod opens to anyone: makes the administrator and one account for each service, or sets their passwords to what
# mongodb-secret says now. It runs at each start, so neither an interrupted first start nor a new password needs a hand.
set -euo pipefail
port=27018

# No access control while it is reachable from inside this container only.
mongod --dbpath /data/db --bind_ip 127.0.0.1 --port "$port" --unixSocketPrefix /tmp --wiredTigerCacheSizeGB 0.25 \
    --quiet --logpath /tmp/accounts.log &
mongod=$!
trap 'kill "$mongod" 2>/dev/null || true' EXIT

mongo() { mongosh --quiet --norc --port "$port" admin "$@"; }

answers=""
for _ in $(seq 120); do
    if mongo --eval 'db.adminCommand({ping: 1})' >/dev/null 2>&1; then answers=yes; break; fi
    kill -0 "$mongod" 2>/dev/null || break
    sleep 1
done
if [ -z "$answers" ]; then
    echo "mongod did not start. The end of its log:" >&2
    tail -n 20 /tmp/accounts.log >&2
    exit 1
fi

# A string of JavaScript, whatever is in it.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# account NAME PASSWORD ROLES. The statements go by standard input: arguments can be seen in the list of processes.
account() {
    local fields
    fields="$(quoted "$1"), pwd: $(quoted "$2"), roles: [$3]"
    if mongo <<<"db.getSiblingDB('admin').runCommand({updateUser: $fields})" >/dev/null 2>&1; then
        echo "Account $1: as mongodb-secret says"
        return
    fi
    mongo <<<"db.getSiblingDB('admin').runCommand({createUser: $fields})" >/dev/null ||
        { echo "Account $1: could not be made" >&2; exit 1; }
    echo "Account $1: made"
}

# No service needs more than these two databases, and the gateway the counters of its rate limits.
files='{role: "readWrite", db: "videos"}, {role: "readWrite", db: "mp3s"}'
account "$MONGO_INITDB_ROOT_USERNAME" "$MONGO_INITDB_ROOT_PASSWORD" '{role: "root", db: "admin"}'
account gateway "$MONGODB_GATEWAY_PASSWORD" "$files"', {role: "readWrite", db: "limits"}'
account converter "$MONGODB_CONVERTER_PASSWORD" "$files"
account summary "$MONGODB_SUMMARY_PASSWORD" '{role: "readWrite", db: "videos"}, {role: "read", db: "mp3s"}'
account notification "$MONGODB_NOTIFICATION_PASSWORD" '{role: "readWrite", db: "videos"}'

kill "$mongod"
wait "$mongod"
trap - EXIT
