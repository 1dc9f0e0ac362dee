"""What ./setup-host.sh does: prepares this machine's MySQL and MongoDB for a minikube cluster."""

import ipaddress
import json
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.deploy import credentials, dotenv_file, files, forwards, host_databases, programs
from scripts.deploy.cluster import Cluster
from scripts.deploy.host_databases import Network
from scripts.deploy.programs import DeployError, as_root, say

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
        path, new = str(self.path), f"{self.path}.video2mp3-new"
        if self.path.exists():
            for copy in (new, f"{path}.{time.strftime('%Y%m%d-%H%M%S')}.video2mp3-backup"):
                programs.run(as_root("cp", "-p", path, copy))
        programs.run(as_root("tee", new), stdin=self.content)
        programs.run(as_root("mv", "-f", new, path))
        say(f"  {path}: written")
        if self.command:
            programs.run(as_root(*self.command))
        if self.units:
            _restart(self.units)


def _restart(units: Sequence[str]) -> None:
    for unit in units:
        try:
            programs.run(["systemctl", "cat", f"{unit}.service"])
        except programs.ProgramFailed:
            continue
        programs.run(as_root("systemctl", "restart", f"{unit}.service"), timeout=180)
        return
    raise DeployError(f"systemctl knows none of {', '.join(units)}. Restart the server, then try again.")


def set_up(namespace: str, *, etc: Path, dry_run: bool, agreed: bool) -> None:
    """Shows the changes, asks, and applies them; safe to repeat. Raises DeployError."""
    if not sys.platform.startswith("linux"):
        raise DeployError("This works on Linux only. Elsewhere, run the databases in the cluster: ./deploy.sh.")
    dotenv = dotenv_file.load()
    network = _find_network(Cluster.current(namespace))
    kept = credentials.kept(namespace)
    names = ("MYSQL_PASSWORD", *sorted(credentials.OF_SERVER["mongodb"]))
    settled = {name: dotenv.get(name) or kept.get(name) or credentials.generate() for name in names}
    user = dotenv.get("MYSQL_USER") or "auth"
    changes = [change for change in _changes(etc, network) if change.pending]
    sources = ", ".join(map(str, network.sources))
    print(
        f"This machine's address for the cluster is {network.address}. These changes will be made on this machine:\n"
        "  - MySQL: the database auth and its table, unless they exist\n"
        f"  - MySQL: the account {user}, which may read, add and change rows of auth, from {sources} only\n"
        f"  - MongoDB: the account {host_databases.ADMINISTRATOR}, which administers it from this machine\n"
        f"  - MongoDB: the services' accounts, which work from {sources} only"
    )
    for change in changes:
        print(f"  - {change.path}{', and a restart' if change.units else ''}:")
        print(textwrap.indent(change.content, "      "), flush=True)
    if dry_run:
        say("Nothing was changed.")
        return
    if not agreed:
        if not sys.stdin.isatty():
            raise DeployError(
                "Nothing was changed: no terminal to ask for confirmation. Check the list, then use --yes."
            )
        if input("Continue? [y/N] ").strip().lower() not in {"y", "yes"}:
            raise DeployError("Nothing was changed.")
    with files.locked(files.deployment(namespace), f"the namespace {namespace}"):
        # Before any server has them: an interrupted run has not lost a password.
        credentials.save(namespace, kept | settled)
        host_databases.create_mysql_account(network, user, settled["MYSQL_PASSWORD"])
        # Before authentication is enabled: without an account, no account could be created.
        host_databases.create_mongodb_accounts(network, settled)
        for change in changes:
            change.apply()
    print("The databases are ready. Next:\n  ./deploy.sh --host-databases")


def _changes(etc: Path, network: Network) -> Iterator[_Change]:
    sysctl = etc / "sysctl.d/60-video2mp3.conf"
    yield _Change(sysctl, _NONLOCAL_BIND, command=("sysctl", "--quiet", "--load", str(sysctl)))
    if found := host_databases.mysql_configuration(etc, network):
        yield _Change(*found, units=("mariadb", "mysql", "mysqld"))
    yield _Change(*host_databases.mongodb_configuration(etc, network), units=("mongod", "mongodb"))


def _find_network(cluster: Cluster) -> Network:
    """Asks minikube's node for this machine's address, which works with every driver. Raises DeployError."""
    profile = cluster.minikube_profile()
    grep = f"grep -w {credentials.HOST} /etc/hosts"
    address = next(iter(programs.run(["minikube", "--profile", profile, "ssh", "--", grep]).split()), "")
    if not forwards.is_local(address):
        raise DeployError(
            f"{credentials.HOST} is {address or 'unknown'}, not an address of this machine: the cluster runs in"
            " a virtual machine with its own network, as with Docker Desktop. Run the databases in the cluster:"
            " ./deploy.sh."
        )
    interfaces = json.loads(programs.run(["ip", "-json", "-4", "address", "show"]))
    addresses = [each for interface in interfaces for each in interface.get("addr_info", [])]
    sources = [
        ipaddress.IPv4Interface(f"{address}/{each['prefixlen']}").network
        for each in addresses if each.get("local") == address
    ]  # fmt: skip
    # Pods have the node's address, in the network of the bridge; with the driver "none", addresses of their own.
    if address in cluster.node_addresses():
        ranges = [node.get("spec", {}).get("podCIDR") for node in cluster.get("nodes", selector="")]
        sources.extend(ipaddress.IPv4Network(each) for each in ranges if each)
    return Network(address, tuple(dict.fromkeys(sources)))
