"""This machine's MySQL and MongoDB: accounts for the cluster's network, and configuration files that admit it."""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.deploy import credentials, files, programs
from scripts.deploy.programs import DeployError, as_root

_ALL_ADDRESSES = {"*", "0.0.0.0", "::"}
# The first versions whose bind-address may list several addresses.
_SEVERAL_ADDRESSES = {"MySQL": (8, 0, 13), "MariaDB": (10, 11, 0)}
ADMINISTRATOR = "video2mp3-admin"
# Behind accounts.js: where each account may log in from.
_RESTRICT = """
for (const [user, clientSource] of Object.entries(%s)) {
    admin.updateUser(user, {authenticationRestrictions: [{clientSource}]});
}
"""


@dataclass(frozen=True)
class Network:
    address: str
    # The networks that the pods' connections come from.
    sources: tuple[ipaddress.IPv4Network, ...]


def create_mysql_account(network: Network, user: str, password: str) -> None:
    """Creates or updates the auth service's database and account. Raises DeployError."""
    statements = [(files.SOURCE / "auth" / "init.sql").read_text(encoding="utf-8")]
    for source in network.sources:
        account = f"{_quoted(user)}@{_quoted(source.with_netmask)}"
        statements += [
            f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY {_quoted(password)};",
            f"ALTER USER {account} IDENTIFIED BY {_quoted(password)};",
            f"GRANT SELECT, INSERT, UPDATE ON auth.* TO {account};",
        ]
    _mysql("\n".join(statements))


def mysql_configuration(etc: Path, network: Network) -> tuple[Path, str] | None:
    """The file that makes MySQL listen on the cluster's network; None when it does so without one."""
    bound, version = _mysql("SELECT @@bind_address; SELECT @@version").split("\n")[:2]
    address = network.address
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
    bind = ",".join([*addresses, address])
    return folder / "zz-video2mp3.cnf", f"# Written by Video2MP3's setup-host.sh.\n[mysqld]\nbind-address = {bind}\n"


def create_mongodb_accounts(network: Network, passwords: Mapping[str, str]) -> None:
    """Creates or updates the accounts of manifests/mongodb/accounts.js. Raises DeployError.

    Works before and after authentication is enabled.
    """
    sources = {name: ["127.0.0.1", *map(str, network.sources)] for name in credentials.MONGODB_SERVICES}
    sources[ADMINISTRATOR] = ["127.0.0.1"]
    script = (
        f"Object.assign(process.env, {json.dumps({**passwords, 'MONGO_INITDB_ROOT_USERNAME': ADMINISTRATOR})});\n"
        + (files.MANIFESTS / "mongodb" / "accounts.js").read_text(encoding="utf-8")
        + _RESTRICT % json.dumps(sources)
    )
    try:
        _mongosh("db.getSiblingDB('admin').getUsers()")
    except DeployError:  # authentication is enabled
        root = passwords["MONGO_INITDB_ROOT_PASSWORD"]
        script = f"db.getSiblingDB('admin').auth({json.dumps(ADMINISTRATOR)}, {json.dumps(root)});\n{script}"
    _mongosh(script)


def mongodb_configuration(etc: Path, network: Network) -> tuple[Path, str]:
    """mongod.conf with authentication and the cluster's address; everything else in it is kept."""
    _mongosh("db.adminCommand({ping: 1})")
    path = etc / "mongod.conf"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DeployError(f"{path} cannot be read ({error.strerror}). Name its folder: --etc FOLDER.") from None
    found = re.search(r"^[ \t]+bindIp:[ \t]*([^#\n]*)", text, re.MULTILINE)
    addresses = [each.strip() for each in (found[1] if found else "127.0.0.1").strip("\"'[] ").split(",")]
    if _ALL_ADDRESSES & set(addresses) or re.search(r"^[ \t]+bindIpAll:[ \t]*true", text, re.MULTILINE):
        raise DeployError(f"{path}: MongoDB listens on all addresses. Set bindIp to 127.0.0.1, then try again.")
    addresses = list(dict.fromkeys([*addresses, network.address]))
    return path, _set(_set(text, "net", "bindIp", ",".join(addresses)), "security", "authorization", "enabled")


def _mysql(sql: str) -> str:
    try:
        return programs.run(as_root("mysql", "--user=root", "--batch", "--skip-column-names"), stdin=sql)
    except DeployError as error:
        hint = "Check that it is installed and running (on Debian: apt-get install mariadb-server)"
        raise DeployError(f"MySQL on this machine rejects root ({error}). {hint}, then try again.") from None


def _mongosh(script: str) -> None:
    # Through standard input, because every user can see arguments; as a file, because mongosh ends with exit code 0
    # after an error in a script that it reads interactively.
    try:
        programs.run(
            ["mongosh", "--quiet", "--norc", "mongodb://127.0.0.1/admin", "--file", "/dev/stdin"], stdin=f"{script}\n"
        )
    except DeployError as error:
        hint = "Check that MongoDB and mongosh are installed and running"
        raise DeployError(f"MongoDB on this machine failed ({error}). {hint}, then try again.") from None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


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
