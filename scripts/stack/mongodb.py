"""The stack's MongoDB: a private replica set with accounts, of one member unless more are requested.

The data of a standalone server of an earlier version become those of the first member.
"""

import base64
import contextlib
import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from scripts.stack import certificates, environment
from scripts.stack.program import Program, StackError, find
from scripts.stack.servers import server
from scripts.stack.state import ROOT, State

SET_NAME = "video2mp3"
# MongoDB's error codes of these names.
_AUTHENTICATION_FAILED, _ALREADY_INITIALIZED = 18, 23
# ms. A lost primary is replaced after 3 s instead of 10, so that tests need not wait.
_ELECTIONS = {"electionTimeoutMillis": 3000, "heartbeatIntervalMillis": 500}

Client = MongoClient[dict[str, Any]]


def executable() -> str:
    """`mongod` of this machine, or else that of the Python packages."""
    # See docs/decisions/0002-mongod-from-pypi.md. Found without an import, which would load more than the path.
    spec = importlib.util.find_spec("fiftyone")
    places = list(spec.submodule_search_locations or ()) if spec else []
    packaged = Path(places[0] if places else "/nonexistent") / "db" / "bin" / "mongod"
    return find("mongod", packaged, package="MongoDB")


def programs(state: State) -> list[Program]:
    """The members of the set."""
    return [_member(state, name) for name in state.mongodb_names]


def _member(state: State, name: str) -> Program:
    command = [
        executable(),
        f"--replSet={SET_NAME}",
        # Also enables access control.
        f"--keyFile={_key_path(state, name)}",
        "--bind_ip=127.0.0.1",
        f"--port={state.ports[name]}",
        f"--dbpath={state.folder / name}",
        f"--unixSocketPrefix={state.run}",
        "--tlsMode=allowTLS",
        f"--tlsCAFile={certificates.authority(state)}",
        f"--tlsCertificateKeyFile={certificates.server(state)}",
        "--tlsAllowConnectionsWithoutCertificates",
        "--wiredTigerCacheSizeGB=0.25",
        # Statistics for MongoDB's own support: constant disk writes, of no use here.
        "--setParameter=diagnosticDataCollectionEnabled=false",
        # ms. By default, a member that ends waits for 15 s for clients to find the new primary.
        "--setParameter=shutdownTimeoutMillisForSignaledShutdown=100",
        "--quiet",
    ]
    if state.mongodb_members > 1:
        # The fail points with which the tests of failovers stop the replication.
        command.append("--setParameter=enableTestCommands=1")
    return server(
        state, name, command, lambda: _check(state, name), lambda: _write_key(state, name),
        url=f"mongodb://{_address(state, name)}",
    )  # fmt: skip


def _address(state: State, name: str) -> str:
    return f"127.0.0.1:{state.ports[name]}"


def _direct(state: State, name: str) -> str:
    """Connects to this member, whatever its state."""
    return f"mongodb://{_address(state, name)}/?directConnection=true"


def _key_path(state: State, name: str) -> Path:
    return state.folder / f"{name}.key"


def _write_key(state: State, name: str) -> None:
    """The members' common secret, in base64 and readable by the owner only, as MongoDB requires."""
    key = base64.b64encode(state.secrets["mongodb_key"].encode()).decode()
    with open(_key_path(state, name), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(key)


def _check(state: State, name: str) -> None:
    """Makes the member part of the set and creates the account, whichever is missing; raises until both work."""
    with _client(_direct(state, name)) as member:
        hello = member.admin.command("hello")
        if not (hello["isWritablePrimary"] or hello["secondary"]):
            if "setName" not in hello:
                if name == state.mongodb_names[0]:
                    _initiate(state, name)
                else:
                    _add(state, name)
            raise StackError("it is neither the primary nor a secondary yet")
        if hello["isWritablePrimary"]:
            with _account(state, name) as account:
                _create_accounts(state, account)
    with _client(environment.own(state)["MONGO_URI"]) as clients:
        clients.admin.command("ping")


def _initiate(state: State, name: str) -> None:
    member = {"_id": 0, "host": _address(state, name)}
    config = {"_id": SET_NAME, "members": [member], "settings": _ELECTIONS}
    with _account(state, name, create=False) as account:
        try:
            account.admin.command("replSetInitiate", config)
        except OperationFailure as error:
            if error.code != _ALREADY_INITIALIZED:
                raise
            _correct_addresses(state, account)


def _correct_addresses(state: State, account: Client) -> None:
    """The ports may have changed since the last start: then no member finds itself in the configuration."""
    current = account.admin.command("replSetGetConfig")["config"]
    addresses = [_address(state, name) for name in state.mongodb_names]
    if [member["host"] for member in current["members"]] != addresses[: len(current["members"])]:
        members = [{**member, "host": host} for member, host in zip(current["members"], addresses, strict=False)]
        account.admin.command("replSetReconfig", {**current, "members": members}, force=True)


def _add(state: State, name: str) -> None:
    with _client(environment.own(state)["MONGO_URI"]) as clients:
        current = clients.admin.command("replSetGetConfig")["config"]
        address, members = _address(state, name), current["members"]
        if address not in [member["host"] for member in members]:
            added = {"_id": max(member["_id"] for member in members) + 1, "host": address}
            changed = {**current, "version": current["version"] + 1, "members": [*members, added]}
            clients.admin.command("replSetReconfig", changed)


def _create_accounts(state: State, administrator: Client) -> None:
    """Creates or updates the accounts of the services and their roles, as manifests/mongodb/accounts.js does."""
    admin = administrator.admin
    rights = json.loads((ROOT / "manifests" / "mongodb" / "roles.json").read_text())
    accounts: dict[str, list[Any]] = {"backup": [{"role": "readWrite", "db": db} for db in ("videos", "mp3s")]}
    known_roles = {role["role"] for role in admin.command("rolesInfo", 1)["roles"]}
    for service, places in rights.items():
        privileges = [
            {"resource": dict(zip(("db", "collection"), place.split(".", 1), strict=True)), "actions": actions}
            for place, actions in places.items()
        ]
        name = f"video2mp3-{service}"
        admin.command("updateRole" if name in known_roles else "createRole", name, privileges=privileges, roles=[])
        accounts[service] = [name]
    known = {user["user"] for user in admin.command("usersInfo")["users"]}
    for user, roles in accounts.items():
        command = "updateUser" if user in known else "createUser"
        admin.command(command, user, pwd=state.secrets[f"mongodb_{user}"], roles=roles)


@contextlib.contextmanager
def _account(state: State, name: str, *, create: bool = True) -> Iterator[Client]:
    """Logs in to a member. Before there is an account, MongoDB lets a local caller initiate the set and create one."""
    names, address = environment.own(state), _direct(state, name)
    user, password = names["MONGODB_USER"], names["MONGODB_PASSWORD"]
    with _client(address, username=user, password=password, authSource="admin") as account:
        try:
            account.admin.command("ping")
        except OperationFailure as error:
            if error.code != _AUTHENTICATION_FAILED:
                raise
        else:
            yield account
            return
    with _client(address) as local:
        if create:
            local.admin.command("createUser", user, pwd=password, roles=["root"])
        yield local


def _client(uri: str, **options: Any) -> Client:
    return MongoClient(uri, serverSelectionTimeoutMS=2000, connectTimeoutMS=2000, socketTimeoutMS=10_000, **options)
