"""What ./setup-host.sh does: prepares this machine's MySQL and MongoDB for a minikube cluster.

They get accounts for the cluster's network, and configuration files that admit it.
"""

import ipaddress
import json
import re
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from scripts.deploy import credentials, dotenv_file, files, programs
from scripts.deploy.cluster import Cluster
from scripts.deploy.programs import DeployError, as_root, say

_NONLOCAL_BIND = """\
# Written by Video2MP3's setup-host.sh: the databases may start before minikube's network is up.
net.ipv4.ip_nonlocal_bind = 1
"""
_ALL_ADDRESSES = {"*", "0.0.0.0", "::"}
# The first versions whose bind-address may list several addresses.
_SEVERAL_ADDRESSES = {"MySQL": (8, 0, 13), "MariaDB": (10, 11, 0)}
# Seconds. A database writes its memory to the disk first.
_RESTART_TIMEOUT = 180
_ADMINISTRATOR = "video2mp3-admin"
_SET = "video2mp3"
_KEY_FILE = "video2mp3-mongodb.key"
# A server whose configuration names a set, and that is no member of one yet. The address is the loopback interface's,
# because the cluster's network may not be up when the server starts.
_INITIATE = """
if (db.hello().isreplicaset) rs.initiate({_id: %s, members: [{_id: 0, host: "127.0.0.1:27017"}]});
for (let left = 300; !db.hello().isWritablePrimary; left--) {
    if (left === 0) throw new Error("the replica set has no primary");
    sleep(200);
}
"""
# The privileges of the auth service and of its migrations, as in manifests/mysql.
_ROWS = "SELECT, INSERT, UPDATE"
_SCHEMA = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES"
# Behind accounts.js: where each account may log in from.
_RESTRICT = """
for (const [user, clientSource] of Object.entries(%s)) {
    admin.updateUser(user, {authenticationRestrictions: [{clientSource}]});
}
"""


@dataclass(frozen=True)
class _Network:
    address: str
    # The networks that the pods' connections come from.
    sources: tuple[ipaddress.IPv4Network, ...]


@dataclass(frozen=True)
class _Change:
    """The wanted content of a system file, and the command that makes it effective."""

    path: Path
    content: str
    command: tuple[str, ...]

    @property
    def pending(self) -> bool:
        return not self.path.exists() or self.path.read_text(encoding="utf-8") != self.content

    def apply(self) -> None:
        """Backs up the file, writes it, and makes it effective."""
        path = str(self.path)
        if self.path.exists():
            programs.run(as_root("cp", "-p", path, f"{path}.{time.strftime('%Y%m%d-%H%M%S')}.video2mp3-backup"))
        programs.run(as_root("tee", path), stdin=self.content)
        say(f"  {path}: written")
        programs.run(as_root(*self.command), timeout=_RESTART_TIMEOUT)


def set_up(namespace: str, *, etc: Path, dry_run: bool, agreed: bool) -> None:
    """Shows the changes, asks, and applies them; safe to repeat. Raises DeployError."""
    if not sys.platform.startswith("linux"):
        raise DeployError("This works on Linux only. Elsewhere, run the databases in the cluster: ./deploy.sh.")
    dotenv = dotenv_file.load()
    network = _find_network(Cluster.current(namespace))
    kept = credentials.kept(namespace)
    names = (
        "MYSQL_PASSWORD",
        "MYSQL_MIGRATIONS_PASSWORD",
        *sorted(credentials.OF_SERVER["mongodb"]),
        credentials.MONGODB_KEY,
    )
    settled = {name: dotenv.get(name) or kept.get(name) or credentials.generate() for name in names}
    user = dotenv.get("MYSQL_USER") or "auth"
    migrations = dotenv.get("MYSQL_MIGRATIONS_USER") or "migrations"
    path = etc / "sysctl.d/60-video2mp3.conf"
    sysctl = _Change(path, _NONLOCAL_BIND, ("sysctl", "--quiet", "--load", str(path)))
    mongodb = _mongodb_configuration(etc, network)
    changes = [sysctl, *_mysql_configuration(etc, network), mongodb]
    changes = [change for change in changes if change.pending]
    sources = ", ".join(map(str, network.sources))
    print(
        f"This machine's address for the cluster is {network.address}. These changes will be made on this machine:\n"
        "  - MySQL: the database auth, unless it exists\n"
        f"  - MySQL: the account {user}, which may read, add and change rows of auth, from {sources} only\n"
        f"  - MySQL: the account {migrations}, which may change the tables of auth, from {sources} only\n"
        f"  - MongoDB: the account {_ADMINISTRATOR}, which administers it from this machine\n"
        f"  - MongoDB: the services' accounts, which work from {sources} only\n"
        f"  - MongoDB: a replica set of one member, unless it is one, and {etc / _KEY_FILE}, the key of its members"
    )
    for change in changes:
        print(f"  - {change.path}; then {' '.join(change.command)}:")
        print(textwrap.indent(change.content, "      "), flush=True)
    if dry_run:
        say("Nothing was changed.")
        return
    if not agreed and not sys.stdin.isatty():
        raise DeployError("Nothing was changed: no terminal to ask for confirmation. Check the list, then use --yes.")
    if not agreed and input("Continue? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise DeployError("Nothing was changed.")
    with files.locked(files.deployment(namespace), f"the namespace {namespace}"):
        # Before any server has them: an interrupted run has not lost a password.
        credentials.save(namespace, kept | settled)
        accounts = {
            user: (settled["MYSQL_PASSWORD"], _ROWS),
            migrations: (settled["MYSQL_MIGRATIONS_PASSWORD"], _SCHEMA),
        }
        _create_mysql_accounts(network, accounts)
        # Before authentication is enabled: without an account, no account could be created.
        _create_mongodb_accounts(network, settled, _set_name(mongodb.content))
        _write_mongodb_key(etc, settled[credentials.MONGODB_KEY])
        for change in changes:
            change.apply()
        _initiate_mongodb(settled, _set_name(mongodb.content))
    print("The databases are ready. Next:\n  ./deploy.sh --host-databases")


def _find_network(cluster: Cluster) -> _Network:
    """Asks minikube's node for this machine's address, which works with every driver. Raises DeployError."""
    profile = cluster.minikube_profile()
    grep = f"grep -w {credentials.HOST} /etc/hosts"
    address = programs.run(["minikube", "--profile", profile, "ssh", "--", grep]).split()[0]
    interfaces = json.loads(programs.run(["ip", "-json", "-4", "address", "show", "to", address]))
    prefixes = [each["prefixlen"] for interface in interfaces for each in interface.get("addr_info", [])]
    if not prefixes:
        raise DeployError(
            f"{credentials.HOST} is {address}, not an address of this machine: the cluster runs in a virtual machine"
            " with its own network, as with Docker Desktop. Run the databases in the cluster: ./deploy.sh."
        )
    sources = [ipaddress.IPv4Interface(f"{address}/{prefix}").network for prefix in prefixes]
    # Pods have the node's address, in the network of the bridge; with the driver "none", addresses of their own.
    if address in cluster.node_addresses():
        ranges = [node.get("spec", {}).get("podCIDR") for node in cluster.get("nodes", selector="")]
        sources.extend(ipaddress.IPv4Network(each) for each in ranges if each)
    return _Network(address, tuple(dict.fromkeys(sources)))


def _create_mysql_accounts(network: _Network, accounts: Mapping[str, tuple[str, str]]) -> None:
    """Creates the database, and creates or updates its accounts: their passwords and privileges. Raises DeployError."""
    statements = ["CREATE DATABASE IF NOT EXISTS auth CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;"]
    for user, (password, privileges) in accounts.items():
        for source in network.sources:
            account = f"{_quoted(user)}@{_quoted(source.with_netmask)}"
            statements += [
                f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY {_quoted(password)};",
                f"ALTER USER {account} IDENTIFIED BY {_quoted(password)};",
                f"GRANT {privileges} ON auth.* TO {account};",
            ]
    _mysql("\n".join(statements))


def _mysql_configuration(etc: Path, network: _Network) -> list[_Change]:
    """The change that makes MySQL listen on the cluster's network; none when it does so already."""
    bound, version = _mysql("SELECT @@bind_address; SELECT @@version").split("\n")[:2]
    address = network.address
    addresses = [each.strip() for each in bound.split(",") if each.strip() not in {"", "NULL"}]
    if not addresses or _ALL_ADDRESSES & set(addresses) or address in addresses:
        return []
    kind = "MariaDB" if "MariaDB" in version else "MySQL"
    if tuple(int(number) for number in re.findall(r"\d+", version)[:3]) < _SEVERAL_ADDRESSES[kind]:
        raise DeployError(
            f"{kind} {version} can listen on one address or on all. Set its bind-address to {address} (and use that"
            " address on this machine too), restart it, then try again."
        )
    # Debian reads the file whose name sorts last, last.
    folder = etc / "mysql" / ("mariadb.conf.d" if kind == "MariaDB" else "mysql.conf.d")
    if not folder.is_dir():
        raise DeployError(f"{folder} does not exist. Add {address} to MySQL's bind-address, then try again.")
    bind = ",".join([*addresses, address])
    content = f"# Written by Video2MP3's setup-host.sh.\n[mysqld]\nbind-address = {bind}\n"
    return [_Change(folder / "zz-video2mp3.cnf", content, ("systemctl", "restart", f"{kind.lower()}.service"))]


def _create_mongodb_accounts(network: _Network, passwords: Mapping[str, str], set_name: str) -> None:
    """Creates or updates the accounts of manifests/mongodb/accounts.js. Raises DeployError.

    Works before and after authentication is enabled, and when an earlier run ended before it initiated the set.
    """
    sources = {name: ["127.0.0.1", *map(str, network.sources)] for name in credentials.MONGODB_ACCOUNTS}
    sources[_ADMINISTRATOR] = ["127.0.0.1"]
    folder = files.MANIFESTS / "mongodb"
    variables = {name: passwords[name] for name in credentials.OF_SERVER["mongodb"]}
    variables["MONGO_INITDB_ROOT_USERNAME"] = _ADMINISTRATOR
    variables["MONGODB_ROLES"] = (folder / "roles.json").read_text(encoding="utf-8")
    _as_administrator(
        passwords,
        f"Object.assign(process.env, {json.dumps(variables)});\n"
        + _INITIATE % json.dumps(set_name)
        + (folder / "accounts.js").read_text(encoding="utf-8")
        + _RESTRICT % json.dumps(sources),
    )


def _initiate_mongodb(passwords: Mapping[str, str], set_name: str) -> None:
    """Makes the server, which may just have been restarted, a replica set. Raises DeployError."""
    deadline = time.monotonic() + _RESTART_TIMEOUT
    while True:
        try:
            _mongosh("db.adminCommand({ping: 1})")
            break
        except DeployError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
    _as_administrator(passwords, _INITIATE % json.dumps(set_name))


def _as_administrator(passwords: Mapping[str, str], script: str) -> None:
    try:
        _mongosh("db.getSiblingDB('admin').getUsers()")
    except DeployError:  # authentication is enabled
        root = passwords["MONGO_INITDB_ROOT_PASSWORD"]
        script = f"db.getSiblingDB('admin').auth({json.dumps(_ADMINISTRATOR)}, {json.dumps(root)});\n{script}"
    _mongosh(script)


def _write_mongodb_key(etc: Path, key: str) -> None:
    """As MongoDB requires, only the user of the server can read it. An existing file is kept."""
    path = etc / _KEY_FILE
    if path.exists():
        return
    user = programs.run(["systemctl", "show", "mongod.service", "--property=User", "--value"]).strip()
    owner = [f"--owner={user}"] if user else []
    programs.run(as_root("install", "--mode=0400", *owner, "/dev/stdin", str(path)), stdin=key)
    say(f"  {path}: written")


def _mongodb_configuration(etc: Path, network: _Network) -> _Change:
    """mongod.conf with authentication, a replica set and the cluster's address; everything else in it is kept."""
    _mongosh("db.adminCommand({ping: 1})")
    path = etc / "mongod.conf"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DeployError(f"{path} cannot be read ({error.strerror}). Name its folder: --etc FOLDER.") from None
    configured = yaml.safe_load(text) or {}
    net = configured.get("net") or {}
    addresses = [each.strip() for each in str(net.get("bindIp", "127.0.0.1")).split(",")]
    if _ALL_ADDRESSES & set(addresses) or net.get("bindIpAll"):
        raise DeployError(f"{path}: MongoDB listens on all addresses. Set bindIp to 127.0.0.1, then try again.")
    text = _set(text, "net", "bindIp", ",".join(dict.fromkeys([*addresses, network.address])))
    text = _set(text, "security", "authorization", "enabled")
    if not (configured.get("security") or {}).get("keyFile"):
        text = _set(text, "security", "keyFile", str(etc / _KEY_FILE))
    if not (configured.get("replication") or {}).get("replSetName"):
        text = _set(text, "replication", "replSetName", _SET)
    return _Change(path, text, ("systemctl", "restart", "mongod.service"))


def _set_name(mongod_conf: str) -> str:
    return str(yaml.safe_load(mongod_conf)["replication"]["replSetName"])


def _mysql(sql: str) -> str:
    return _send("MySQL", as_root("mysql", "--user=root", "--batch", "--skip-column-names"), sql)


def _mongosh(script: str) -> None:
    # As a file: mongosh ends with exit code 0 after an error in a script that it reads interactively.
    command = ["mongosh", "--quiet", "--norc", "mongodb://127.0.0.1/admin", "--file", "/dev/stdin"]
    _send("MongoDB", command, f"{script}\n")


def _send(server: str, command: Sequence[str], script: str) -> str:
    try:
        return programs.run(command, stdin=script)
    except DeployError as error:
        hint = f"Check that {server} and its client are installed and running, then try again."
        raise DeployError(f"{server} on this machine failed ({error}). {hint}") from None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _set(text: str, section: str, key: str, value: str) -> str:
    """mongod.conf with one value changed or added; comments and order are kept. Raises DeployError."""
    edited, found = re.subn(rf"^([ \t]+{key}:)[^#\n]*?([ \t]*#.*)?$", rf"\g<1> {value}\g<2>", text, flags=re.M)
    if not found:
        edited, found = re.subn(rf"^{section}:.*\n", rf"\g<0>  {key}: {value}\n", text, flags=re.M)
    if not found:
        edited = f"{text.rstrip()}\n{section}:\n  {key}: {value}\n"
    try:
        if yaml.safe_load(edited)[section][key] == value:
            return edited
    except (yaml.YAMLError, KeyError, TypeError):
        pass
    raise DeployError(f"mongod.conf cannot be changed: set {key} of {section} to {value}, then try again.")
