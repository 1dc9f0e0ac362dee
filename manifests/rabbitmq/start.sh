#!/bin/sh
# Starts a node of RabbitMQ.
set -eu

# The nodes' common secret has to be readable by its owner alone: a volume's fsGroup opens it to the group, and as a
# variable rabbitmqctl warns of it.
cookie=/var/lib/rabbitmq/.erlang.cookie
rm -f "$cookie"
(umask 077; cat /run/secrets/cookie/cookie >"$cookie")

# A new node joins the cluster that there is; only the first may found one. Without this, nodes that are added while they
# cannot log in to the first one would found a second cluster beside it.
first=rabbit@rabbitmq-0.rabbitmq-nodes
if [ "$RABBITMQ_NODENAME" != "$first" ] && [ ! -e "/var/lib/rabbitmq/mnesia/$RABBITMQ_NODENAME" ]; then
    until rabbitmq-diagnostics --quiet --longnames --node "$first" --timeout 10 ping; do
        echo "Waiting for $first, which this new node joins"
        sleep 2
    done
fi
exec docker-entrypoint.sh rabbitmq-server
