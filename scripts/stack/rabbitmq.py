"""The stack's RabbitMQ: a private node with its own port mapper, cookie and folders, separate from other nodes."""

import hashlib
import json
import logging
import re
import socket
from pathlib import Path

import pika
import requests

from scripts.stack import certificates, environment
from scripts.stack.program import Program, find
from scripts.stack.servers import server
from scripts.stack.state import ROOT, State

# Debian's path of the script itself; the one on PATH changes to the user rabbitmq.
_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
# Milliseconds. A delivery may stay unacknowledged for as long as the longest conversion takes, which is more than
# RabbitMQ's default of 30 minutes.
_CONSUMER_TIMEOUT = 6 * 3600 * 1000

# pika logs each failed attempt at length, and attempts are made until one succeeds.
logging.getLogger("pika").setLevel(logging.CRITICAL)


def node_name(state: State) -> str:
    """The Erlang node's name, unique for the stack's folder."""
    return f"video2mp3-{hashlib.sha256(bytes(state.folder)).hexdigest()[:12]}@localhost"


def _variables(state: State) -> dict[str, str]:
    folder = state.folder / "rabbitmq"
    return {
        # Erlang keeps its cookie here.
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(state.ports["epmd"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": node_name(state),
        "RABBITMQ_NODE_PORT": str(state.ports["rabbitmq"]),
        "RABBITMQ_DIST_PORT": str(state.ports["rabbitmq_dist"]),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_SCHEMA_DIR": str(folder / "schema"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "config"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        # In this mode the script becomes the Erlang machine instead of its parent: the pid that is supervised and
        # killed is the broker's.
        "RABBITMQ_ALLOW_INPUT": "true",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
    }


def epmd(state: State) -> Program:
    """Erlang's port mapper for this node alone. RabbitMQ would leave one behind that outlives it."""
    port = state.ports["epmd"]
    command = [find("epmd", package="erlang-base"), "-port", str(port), "-address", "127.0.0.1"]
    check = lambda: socket.create_connection(("127.0.0.1", port), timeout=5).close()  # noqa: E731
    return server(state, "epmd", command, check, lambda: None, variables=_variables(state), stop_seconds=5)


def program(state: State) -> Program:
    script = str(_SCRIPT) if _SCRIPT.exists() else find("rabbitmq-server", package="rabbitmq-server")
    url = environment.own(state)["RABBITMQ_MANAGEMENT_URL"]
    return server(
        state, "rabbitmq", [script], lambda: _check(state), lambda: _prepare(state),
        url=url, variables=_variables(state),
    )  # fmt: skip


def configuration(state: State) -> str:
    settings = {
        "listeners.tcp.default": f"127.0.0.1:{state.ports['rabbitmq']}",
        "listeners.ssl.default": f"127.0.0.1:{state.ports['rabbitmq_tls']}",
        "ssl_options.cacertfile": str(certificates.authority(state)),
        "ssl_options.certfile": str(certificates.server(state)),
        "ssl_options.keyfile": str(certificates.server(state)),
        # A certificate of the client is verified if there is one.
        "ssl_options.verify": "verify_peer",
        "ssl_options.fail_if_no_peer_cert": "false",
        "management.tcp.ip": "127.0.0.1",
        "management.tcp.port": str(state.ports["rabbitmq_management"]),
        "load_definitions": str(state.folder / "rabbitmq" / "definitions.json"),
        "consumer_timeout": str(_CONSUMER_TIMEOUT),
        "log.console": "true",
        "log.console.level": "info",
        # RabbitMQ's defaults ask for half a gigabyte for the quorum queues' log, and stop publishers on a machine that
        # is short of disk or memory for other reasons.
        "raft.wal_max_size_bytes": str(32 * 1024**2),
        "disk_free_limit.absolute": "64MB",
        "vm_memory_high_watermark.absolute": "1GB",
    }
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def definitions(state: State) -> str:
    """The users and permissions of the cluster, and an administrator for tests."""
    names = environment.complete(state)
    values = {f"{name.upper()}_PASSWORD": value for name, value in state.secrets.items()}
    for queue in ("video", "mp3", "summary", "mail"):
        values[f"{queue.upper()}_QUEUE"] = names.get(f"{queue.upper()}_QUEUE", queue)
    template = (ROOT / "manifests" / "rabbitmq" / "definitions.json").read_text()
    made = json.loads(re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], template))
    own = environment.own(state)
    administrator = {"name": own["RABBITMQ_USER"], "password": own["RABBITMQ_PASSWORD"], "tags": ["administrator"]}
    everything = {"user": own["RABBITMQ_USER"], "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    made["users"].append(administrator)
    made["permissions"].append(everything)
    return json.dumps(made)


def _prepare(state: State) -> None:
    folder = state.folder / "rabbitmq"
    # An empty file, so that the configuration of the machine's broker is not read.
    (folder / "rabbitmq-env.conf").touch()
    (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
    for name, content in (("rabbitmq.conf", configuration(state)), ("definitions.json", definitions(state))):
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(content)


def _check(state: State) -> None:
    names = environment.own(state)
    parameters = pika.URLParameters(names["RABBITMQ_URI"])
    parameters.socket_timeout = parameters.stack_timeout = parameters.blocked_connection_timeout = 5
    pika.BlockingConnection(parameters).close()
    login = names["RABBITMQ_USER"], names["RABBITMQ_PASSWORD"]
    requests.get(f"{names['RABBITMQ_MANAGEMENT_URL']}/api/whoami", auth=login, timeout=5).raise_for_status()
