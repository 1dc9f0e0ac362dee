#!/bin/sh
# usage: users.sh [FILE]
# Writes what RabbitMQ imports at each start (load_definitions): definitions.json with the passwords and the names of the
# queues. Each service has a user that may configure and read the queues that it consumes, and publish; `manager` is for
# people. So new users, permissions and passwords need no manual step, also on the volume of an earlier release.
set -eu
umask 077
awk '{
    line = ""
    while (match($0, /\$\{[A-Z0-9_]+\}/)) {
        name = substr($0, RSTART + 2, RLENGTH - 3)
        value = ENVIRON[name]
        if (value == "") { print name " is missing" >"/dev/stderr"; exit 1 }
        gsub(/["\\]/, "\\\\&", value)
        line = line substr($0, 1, RSTART - 1) value
        $0 = substr($0, RSTART + RLENGTH)
    }
    print line $0
}' "$(dirname "$0")/definitions.json" >"${1:-/tmp/definitions.json}"
