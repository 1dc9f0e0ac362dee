"""What ./setup-host.sh does: prepares this machine's MySQL and MongoDB for a minikube cluster."""

import ipaddress
import json
import secrets
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.deploy import credentials, dotenv_file, files, forwards, programs
from scripts.deploy.cluster import Cluster
from scripts.deploy.host_databases import MongoDB, MySQL, Network
from scripts.deploy.programs import DeployError, as_root, say

_SECRETS = (
    "MYSQL_PASSWORD", "MONGO_INITDB_ROOT_PASSWORD", "MONGODB_GATEWAY_PASSWORD", "MONGODB_CONVERTER_PASSWORD",
    "MONGODB_NOTIFICATION_PASSWORD", "MONGODB_SUMMARY_PASSWORD",
)  # fmt: skip
_PASSWORD_BYTES = 24
_NONLOCAL_BIND = """\
# Written by Video2MP3's setup-host.sh: the databases may start before minikube's network is up.
net.ipv4.ip_nonlocal_bind = 1
"""


@dataclass(frozen=True)
class _Change:
    """The wanted content of a system file, and what makes it effective."""

    path: Path
    content: str
    # A command, or the systemd units of which the first that exists is restarted.
    command: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def pending(self) -> bool:
        return not self.path.exists() or self.path.read_text(encoding="utf-8") != self.content

    def apply(self) -> None:
        """Backs up the file, replaces it atomically with its permissions, and makes it effective."""
        path, new = shlex.quote(str(self.path)), shlex.quote(f"{self.path}.video2mp3-new")
        backup = shlex.quote(f"{self.path}.{time.strftime('%Y%m%d-%H%M%S')}.video2mp3-backup")
        script = (
            f"set -eu; umask 022; [ ! -e {path} ] || {{ cp -p {path} {backup}; cp -p {path} {new}; }};"
            f" cat >{new}; mv -f {new} {path}"
        )
        programs.output(as_root("sh", "-c", script), stdin=self.content)
        say(f"  {self.path}: written")
        if self.command:
            programs.output(as_root(*self.command))
        for unit in self.units:
            if programs.succeeds(["systemctl", "cat", f"{unit}.service"]):
                programs.output(as_root("systemctl", "restart", f"{unit}.service"), timeout=180)
                return
        if self.units:
            raise DeployError(f"systemctl knows none of {', '.join(self.units)}. Restart the server, then try again.")


def set_up(namespace: str, *, etc: Path, dry_run: bool, agreed: bool) -> None:
    """Shows the changes, asks, and applies them; safe to repeat. Raises DeployError."""
    if not sys.platform.startswith("linux"):
        raise DeployError("This works on Linux only. Elsewhere, run the databases in the cluster: ./deploy.sh.")
    dotenv = dotenv_file.load()
    network = _find_network(Cluster.current(namespace))
    kept = credentials.kept(namespace)
    settled = {name: dotenv.get(name) or kept.get(name) or secrets.token_hex(_PASSWORD_BYTES) for name in _SECRETS}
    mysql = MySQL(network, dotenv.get("MYSQL_USER") or "auth", settled["MYSQL_PASSWORD"])
    mongodb = MongoDB(network, settled)
    changes = [change for change in _changes(etc, mysql, mongodb) if change.pending]
    sources = ", ".join(map(str, network.sources))
    print(f"This machine's address for the cluster is {network.address}; pods connect from {sources}.")
    print("These changes will be made on this machine:")
    for line in (*mysql.describe(), *mongodb.describe()):
        print(f"  - {line}")
    for change in changes:
        print(f"  - {change.path}{', and a restart' if change.units else ''}:")
        print("\n".join(f"      {line}" for line in change.content.splitlines()), flush=True)
    if dry_run:
        say("Nothing was changed.")
        return
    if not agreed:
        _confirm()
    with files.locked(files.deployment(namespace), f"the namespace {namespace}"):
        # Before any server has them: an interrupted run has not lost a password.
        credentials.save(namespace, kept | settled)
        mysql.apply()
        # Before authentication is enabled: without an account, nobody could create one.
        mongodb.apply()
        for change in changes:
            change.apply()
    print("The databases are ready. Next:\n  ./deploy.sh --host-databases")


def _changes(etc: Path, mysql: MySQL, mongodb: MongoDB) -> Iterator[_Change]:
    sysctl = etc / "sysctl.d/60-video2mp3.conf"
    yield _Change(sysctl, _NONLOCAL_BIND, command=("sysctl", "--quiet", "--load", str(sysctl)))
    if found := mysql.configuration(etc):
        yield _Change(*found, units=("mariadb", "mysql", "mysqld"))
    yield _Change(*mongodb.configuration(etc), units=("mongod", "mongodb"))


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise DeployError("Nothing was changed: there is no terminal for the question. Check the list, then use --yes.")
    if input("Continue? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise DeployError("Nothing was changed.")


def _find_network(cluster: Cluster) -> Network:
    """Asks minikube's node for this machine's address, which works with every driver. Raises DeployError."""
    profile = cluster.minikube_profile()
    grep = f"grep -w {credentials.HOST} /etc/hosts"
    address = next(iter(programs.output(["minikube", "--profile", profile, "ssh", "--", grep]).split()), "")
    if not address:
        raise DeployError(f"The node of {profile} does not know {credentials.HOST}. Restart it: minikube start.")
    if not forwards.is_local(address):
        raise DeployError(
            f"{credentials.HOST} is {address}, which is not an address of this machine: the cluster runs in a virtual"
            " machine with its own network, as with Docker Desktop. Run the databases in the cluster: ./deploy.sh."
        )
    interfaces = json.loads(programs.output(["ip", "-json", "-4", "address", "show"]))
    sources = [
        ipaddress.IPv4Interface(f"{address}/{each['prefixlen']}").network
        for interface in interfaces for each in interface.get("addr_info", []) if each.get("local") == address
    ]  # fmt: skip
    # Pods have the node's address, in the network of the bridge; with the driver "none", addresses of their own.
    if address in cluster.node_addresses():
        ranges = [node.get("spec", {}).get("podCIDR") for node in cluster.get("nodes")]
        sources.extend(ipaddress.IPv4Network(each) for each in ranges if each)
    return Network(address, tuple(dict.fromkeys(sources)))
