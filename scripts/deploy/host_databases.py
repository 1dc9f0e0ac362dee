"""This machine's MySQL and MongoDB: accounts for the cluster's network, and configuration files that admit it."""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.deploy import files, programs
from scripts.deploy.programs import DeployError, as_root

_ALL_ADDRESSES = {"*", "0.0.0.0", "::"}
# The first versions whose bind-address may list several addresses.
_SEVERAL_ADDRESSES = {"MySQL": (8, 0, 13), "MariaDB": (10, 11, 0)}
_ADMINISTRATOR = "video2mp3-admin"
_FILES = [{"role": "readWrite", "db": "videos"}, {"role": "readWrite", "db": "mp3s"}]
# The same as in manifests/mongodb/accounts.js.
_ROLES: Mapping[str, list[dict[str, str]]] = {
    "gateway": [*_FILES, {"role": "readWrite", "db": "limits"}],
    "converter": _FILES,
    "notification": [{"role": "readWrite", "db": "videos"}],
    "summary": [{"role": "readWrite", "db": "videos"}, {"role": "read", "db": "mp3s"}],
}


@dataclass(frozen=True)
class Network:
    """This machine as the cluster sees it."""

    address: str
    # The networks that the pods' connections come from.
    sources: tuple[ipaddress.IPv4Network, ...]


class MySQL:
    """The server, through its socket as root. Every method raises DeployError."""

    def __init__(self, network: Network, user: str, password: str) -> None:
        self._network = network
        self._user = user
        self._password = password

    def describe(self) -> Iterator[str]:
        """The changes that `apply` makes."""
        yield "MySQL: the database auth and its table, unless they exist"
        for source in self._network.sources:
            yield f"MySQL: the account {self._user}@{source}, which may read, add and change rows of auth"

    def apply(self) -> None:
        """Safe to repeat."""
        schema = (files.SOURCE / "auth" / "init.sql").read_text(encoding="utf-8")
        statements = [schema]
        for source in self._network.sources:
            account = f"{_quoted(self._user)}@{_quoted(source.with_netmask)}"
            statements += [
                f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY {_quoted(self._password)};",
                f"ALTER USER {account} IDENTIFIED BY {_quoted(self._password)};",
                f"GRANT SELECT, INSERT, UPDATE ON auth.* TO {account};",
            ]
        self._ask("\n".join(statements))

    def configuration(self, etc: Path) -> tuple[Path, str] | None:
        """The file that makes the server listen on the cluster's network; None when it does so without one."""
        bound, version = self._ask("SELECT @@bind_address; SELECT @@version").split("\n")[:2]
        address = self._network.address
        addresses = [each.strip() for each in bound.split(",") if each.strip() not in {"", "NULL"}]
        if not addresses or _ALL_ADDRESSES & set(addresses) or address in addresses:
            return None
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
        content = (
            f"# Written by Video2MP3's setup-host.sh.\n[mysqld]\nbind-address = {','.join([*addresses, address])}\n"
        )
        return folder / "zz-video2mp3.cnf", content

    @staticmethod
    def _ask(sql: str) -> str:
        try:
            return programs.output(as_root("mysql", "--user=root", "--batch", "--skip-column-names"), stdin=sql)
        except DeployError as error:
            hint = "Check that it is installed and running (on Debian: apt-get install mariadb-server)"
            raise DeployError(f"MySQL on this machine refuses root ({error}). {hint}, then try again.") from None


class MongoDB:
    """The server, through mongosh. Every method raises DeployError."""

    def __init__(self, network: Network, passwords: Mapping[str, str]) -> None:
        self._network = network
        self._passwords = passwords

    def describe(self) -> Iterator[str]:
        """The changes that `apply` makes."""
        yield f"MongoDB: the account {_ADMINISTRATOR}, which administers it from this machine"
        sources = ", ".join(map(str, self._network.sources))
        yield f"MongoDB: the accounts {', '.join(_ROLES)}, which work from {sources} only"

    def apply(self) -> None:
        """Safe to repeat: works before and after authentication is enabled."""
        root = self._passwords["MONGO_INITDB_ROOT_PASSWORD"]
        sources = ["127.0.0.1", *map(str, self._network.sources)]
        script = _account(_ADMINISTRATOR, root, [{"role": "root", "db": "admin"}], ["127.0.0.1"])
        for user, roles in _ROLES.items():
            script += _account(user, self._passwords[f"MONGODB_{user.upper()}_PASSWORD"], roles, sources)
        try:
            self._ask("db.getSiblingDB('admin').getUsers()")
        except DeployError:  # authentication is enabled
            script = f"db.getSiblingDB('admin').auth({json.dumps(_ADMINISTRATOR)}, {json.dumps(root)});\n{script}"
        self._ask(script)

    def configuration(self, etc: Path) -> tuple[Path, str]:
        """mongod.conf with authentication and the cluster's address; everything else in it is kept."""
        self._ask("db.adminCommand({ping: 1})")
        path = etc / "mongod.conf"
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise DeployError(f"{path} cannot be read ({error.strerror}). Name its folder: --etc FOLDER.") from None
        found = re.search(r"^[ \t]+bindIp:[ \t]*([^#\n]*)", text, re.MULTILINE)
        addresses = [each.strip() for each in (found[1] if found else "127.0.0.1").strip("\"'[] ").split(",")]
        if _ALL_ADDRESSES & set(addresses) or re.search(r"^[ \t]+bindIpAll:[ \t]*true", text, re.MULTILINE):
            raise DeployError(f"{path}: MongoDB listens on all addresses. Set bindIp to 127.0.0.1, then try again.")
        addresses = list(dict.fromkeys([*addresses, self._network.address]))
        return path, _set(_set(text, "net", "bindIp", ",".join(addresses)), "security", "authorization", "enabled")

    @staticmethod
    def _ask(script: str) -> None:
        # Through standard input, because every user can see arguments; as a file, because mongosh ends with exit
        # code 0 after an error in a script that it reads interactively.
        mongosh = ["mongosh", "--quiet", "--norc", "mongodb://127.0.0.1/admin", "--file", "/dev/stdin"]
        try:
            programs.output(mongosh, stdin=script + "\n")
        except DeployError as error:
            hint = "Check that MongoDB and mongosh are installed and running"
            raise DeployError(f"MongoDB on this machine failed ({error}). {hint}, then try again.") from None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _account(user: str, password: str, roles: list[dict[str, str]], sources: list[str]) -> str:
    """A statement that creates or updates an account."""
    account = {"pwd": password, "roles": roles, "authenticationRestrictions": [{"clientSource": sources}]}
    name, created, changed = json.dumps(user), json.dumps({"user": user, **account}), json.dumps(account)
    admin = "db.getSiblingDB('admin')"
    return f"{admin}.getUser({name}) ? {admin}.updateUser({name}, {changed}) : {admin}.createUser({created});\n"


def _set(text: str, section: str, key: str, value: str) -> str:
    """The YAML text with one value of a section changed or added; comments and order are kept."""
    block = re.search(rf"^{section}:[ \t]*(?:#.*)?\n((?:(?:[ \t]+.*|#.*|[ \t]*)\n)*)", text, re.MULTILINE)
    if block is None:
        if re.search(rf"^{section}:", text, re.MULTILINE):
            raise DeployError(f"mongod.conf: write the keys of {section} on lines of their own, then try again.")
        return f"{text.rstrip()}\n{section}:\n  {key}: {value}\n"
    body, found = re.subn(
        rf"^([ \t]+{key}:)[^#\n]*?([ \t]*#.*)?$", rf"\g<1> {value}\g<2>", block[1], count=1, flags=re.M
    )
    indent = re.search(r"^[ \t]+(?=\S)", block[1], re.MULTILINE)
    added = "" if found else f"{indent[0] if indent else '  '}{key}: {value}\n"
    return text[: block.start(1)] + added + body + text[block.end(1) :]
