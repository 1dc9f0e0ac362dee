"""Prepares the machine's own MySQL or MariaDB: schema, an account for the cluster's network, an address."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.deploy import folders, programs
from scripts.deploy.errors import DeployError
from scripts.deploy.host_files import FileChange, as_root
from scripts.deploy.host_network import HostNetwork

_EVERYWHERE = {"*", "0.0.0.0", "::"}  # what a server says that listens on all addresses
# Several addresses: MySQL 8.0.13 and MariaDB 10.11.
_SINCE = {"MySQL": (8, 0, 13), "MariaDB": (10, 11, 0)}


class HostMySQL:
    """The server, as root of the machine reaches it by its socket."""

    def __init__(self, network: HostNetwork, user: str, password: str) -> None:
        self._network = network
        self._user = user
        self._password = password

    def check(self) -> None:
        """Raises DeployError when there is no server to prepare."""
        try:
            self._ask("SELECT 1")
        except DeployError as error:
            complaint = error.complaint if isinstance(error, programs.ProgramFailed) else str(error)
            raise DeployError(
                f"MySQL on this machine does not answer its root ({complaint}). Install and start it"
                " (on Debian: apt-get install mariadb-server), then try again."
            ) from None

    def describe(self) -> Iterator[str]:
        """What `apply` does."""
        yield "MySQL: the database auth and its table, unless they are there"
        for source in self._network.sources:
            yield f"MySQL: the account {self._user}@{source}, which may read, add and change rows of auth"

    def apply(self) -> None:
        """Safe to repeat."""
        schema = (folders.SOURCE / "auth" / "init.sql").read_text(encoding="utf-8")
        self._ask(schema + "\n" + "\n".join(self._accounts()))

    def _accounts(self) -> Iterator[str]:
        for source in self._network.sources:
            # With a mask, which both servers have always known.
            account = f"{_quoted(self._user)}@{_quoted(source.with_netmask)}"
            yield f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY {_quoted(self._password)};"
            yield f"ALTER USER {account} IDENTIFIED BY {_quoted(self._password)};"
            yield f"GRANT SELECT, INSERT, UPDATE ON auth.* TO {account};"

    def listening(self, etc: Path) -> FileChange | None:
        """The configuration that lets the cluster in; None when it can reach the server already."""
        bound, version = self._ask("SELECT @@bind_address; SELECT @@version").split("\n")[:2]
        addresses = [address.strip() for address in bound.split(",") if address.strip() not in {"", "NULL"}]
        if not addresses or _EVERYWHERE & set(addresses) or self._network.address in addresses:
            return None
        kind = "MariaDB" if "MariaDB" in version else "MySQL"
        numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
        if numbers < _SINCE[kind]:
            raise DeployError(
                f"{kind} {version} can listen on one address or on all. Set its bind-address to {self._network.address}"
                " (and use that address on this machine too), restart it, then try again."
            )
        # Read last of all, on Debian and its kin.
        folder = etc / "mysql" / ("mariadb.conf.d" if kind == "MariaDB" else "mysql.conf.d")
        if not folder.is_dir():
            raise DeployError(
                f"{folder} does not exist. Add {self._network.address} to MySQL's bind-address by hand, restart it,"
                " then try again."
            )
        wanted = ",".join([*addresses, self._network.address])
        content = f"# By Video2MP3's setup-host.sh: the cluster is let in.\n[mysqld]\nbind-address = {wanted}\n"
        return FileChange(folder / "zz-video2mp3.cnf", content, "MySQL listens to the cluster too")

    @staticmethod
    def _ask(sql: str) -> str:
        return programs.output(as_root("mysql", "--user=root", "--batch", "--skip-column-names"), given=sql)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
