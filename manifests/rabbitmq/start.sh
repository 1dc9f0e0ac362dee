#!/bin/sh
# Starts a RabbitMQ node.
set -eu

# Only the owner may read the Erlang cookie, but a volume with fsGroup makes it readable by the group. rabbitmqctl warns about
# a cookie in an environment variable.
cookie=/var/lib/rabbitmq/.erlang.cookie
rm -f "$cookie"
(umask 077; cat /run/secrets/cookie/cookie >"$cookie")

sh /etc/rabbitmq/users.sh

# Only the first node may form a cluster; new nodes wait until they can join it (docs/decisions/0016).
first=rabbit@rabbitmq-0.rabbitmq-nodes
if [ "$RABBITMQ_NODENAME" != "$first" ] && [ ! -e "/var/lib/rabbitmq/mnesia/$RABBITMQ_NODENAME" ]; then
    until rabbitmq-diagnostics --quiet --longnames --node "$first" --timeout 10 ping; do
        echo "Waiting for $first, which this new node joins"
        sleep 2
    done
fi
exec docker-entrypoint.sh rabbitmq-server
