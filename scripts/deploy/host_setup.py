"""What ./setup-host.sh does: shows what it would change on this machine, asks, and does it."""

import secrets
import sys
from pathlib import Path

from scripts.deploy import credentials, folders, host_files, host_network
from scripts.deploy.cluster import Cluster
from scripts.deploy.errors import DeployError
from scripts.deploy.host_files import FileChange
from scripts.deploy.host_mongodb import HostMongoDB
from scripts.deploy.host_mysql import HostMySQL
from scripts.deploy.plan import read_dotenv, say

_NAMES = (
    "MYSQL_PASSWORD", "MONGO_INITDB_ROOT_PASSWORD", "MONGODB_GATEWAY_PASSWORD", "MONGODB_CONVERTER_PASSWORD",
    "MONGODB_NOTIFICATION_PASSWORD", "MONGODB_SUMMARY_PASSWORD",
)  # fmt: skip
_BYTES = 24
_NONLOCAL = """\
# By Video2MP3's setup-host.sh: the databases may start before minikube's network is up.
net.ipv4.ip_nonlocal_bind = 1
"""


def set_up(namespace: str, *, etc: Path, dry_run: bool, agreed: bool) -> None:
    """Prepares MySQL and MongoDB of this machine for the cluster; safe to repeat. Raises DeployError."""
    if not sys.platform.startswith("linux"):
        raise DeployError("This works on Linux only. Elsewhere, run the databases in the cluster: ./deploy.sh.")
    values = read_dotenv()
    cluster = Cluster.current(namespace)
    cluster.check_reachable()
    network = host_network.find(cluster)
    say(f"The cluster finds this machine at {network.address} and comes from {', '.join(map(str, network.sources))}.")
    kept = credentials.in_file(namespace)
    settled = {name: values.get(name) or kept.get(name) or secrets.token_hex(_BYTES) for name in _NAMES}
    mysql = HostMySQL(network, values.get("MYSQL_USER") or "auth", settled["MYSQL_PASSWORD"])
    mongodb = HostMongoDB(network, settled)
    mysql.check()
    mongodb.check()

    for_mysql, for_mongodb = mysql.listening(etc), mongodb.listening(etc)
    nonlocal_bind = FileChange(etc / "sysctl.d/60-video2mp3.conf", _NONLOCAL, "addresses may be used before they exist")
    files = [change for change in (nonlocal_bind, for_mysql, for_mongodb) if change and not change.is_done]
    print("This will be done on this machine:")
    for line in (*mysql.describe(), *mongodb.describe()):
        print(f"  - {line}")
    for change in files:
        print(f"  - {change.describe()}")
    if for_mysql or for_mongodb:
        print(
            f"  - {' and '.join([*(['MySQL'] if for_mysql else []), *(['MongoDB'] if for_mongodb else [])])}: restarted"
        )
    sys.stdout.flush()
    if dry_run:
        say("Nothing was changed.")
        return
    if not agreed:
        _ask()
    # Before any server knows them: an interrupted run has lost no password.
    folder = folders.deployment(namespace)
    with folders.locked(folder, f"the namespace {namespace}"):
        folders.write_json(credentials.store(namespace), kept | settled)
        _apply(mysql, mongodb, files, for_mysql, for_mongodb)
    print("The databases are ready. Next:\n  ./deploy.sh --host-databases")


def _apply(
    mysql: HostMySQL, mongodb: HostMongoDB, files: list[FileChange], for_mysql: FileChange | None,
    for_mongodb: FileChange | None,
) -> None:  # fmt: skip
    mysql.apply()
    # Before authentication is asked for: without an account, nobody could make one.
    mongodb.apply()
    for change in files:
        change.apply()
        say(f"  {change.path}: written")
    if any(change.content is _NONLOCAL for change in files):
        host_files.load_kernel_settings(next(change.path for change in files if change.content is _NONLOCAL))
    if for_mysql:
        host_files.restart("mariadb", "mysql", "mysqld")
    if for_mongodb:
        host_files.restart("mongod", "mongodb")


def _ask() -> None:
    if not sys.stdin.isatty():
        raise DeployError("Nothing was changed: there is no terminal to ask. Look at the list above, then use --yes.")
    if input("Go on? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise DeployError("Nothing was changed.")
