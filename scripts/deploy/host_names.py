"""Whether a host name leads to this machine: a password must not go to a stranger who owns that name."""

import ipaddress
import queue
import socket
import threading
from collections.abc import Collection

# s. A name server that does not answer must not hold up the script.
_PATIENCE = 5.0


def addresses(host: str) -> set[str]:
    """What the name resolves to, as any program here would see it; empty when to nothing (in time)."""
    answers: queue.Queue[set[str]] = queue.Queue()

    def ask() -> None:
        try:
            answers.put({str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
        except OSError:
            answers.put(set())

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=_PATIENCE)
    except queue.Empty:
        return set()


def is_here(address: str) -> bool:
    """Whether an address is one of this machine's own: only then can a socket be bound to it."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except (OSError, ValueError):
        return False
    return True


def warning(host: str, nodes: Collection[str]) -> str | None:
    """What to tell about a name that leads elsewhere, None when it leads here or to one of the cluster's nodes."""
    found = addresses(host)
    hint = f"To use the name, add this line to /etc/hosts: 127.0.0.1 {host}"
    if not found:
        return f"{host} resolves to nothing. {hint}"
    strangers = sorted(address for address in found if not is_here(address) and address not in nodes)
    if strangers:
        return (
            f"WARNING: {host} resolves to {', '.join(strangers)}, which is not this machine. A password sent there goes"
            f" to a stranger. Use the localhost address. {hint}"
        )
    return None
