"""The stack's MongoDB: one private node with accounts."""

import importlib.util
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from scripts.stack import environment
from scripts.stack.program import Program, find
from scripts.stack.servers import server
from scripts.stack.state import State

_AUTHENTICATION_FAILED = 18  # MongoDB's error code of that name


def _packaged() -> Path:
    # See docs/decisions/0002-mongod-from-pypi.md. Found without an import, which would load more than the path.
    spec = importlib.util.find_spec("fiftyone")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0] if places else "/nonexistent") / "db" / "bin" / "mongod"


def program(state: State) -> Program:
    """The server: `mongod` of this machine, or else that of the Python packages."""
    command = [
        find("mongod", _packaged(), package="MongoDB"),
        "--auth",
        "--bind_ip=127.0.0.1",
        f"--port={state.ports['mongodb']}",
        f"--dbpath={state.folder / 'mongodb'}",
        f"--unixSocketPrefix={state.run}",
        "--wiredTigerCacheSizeGB=0.25",
        # Statistics for MongoDB's own support: constant disk writes, of no use here.
        "--setParameter=diagnosticDataCollectionEnabled=false",
        "--quiet",
    ]
    return server(state, "mongodb", command, lambda: _check(state), lambda: None)


def _check(state: State) -> None:
    """Logs in; creates the account at the first start, while the server still lets a local caller do that (only)."""
    names = environment.own(state)
    try:
        _run(names["MONGO_URI"], "ping")
    except OperationFailure as error:
        if error.code != _AUTHENTICATION_FAILED:
            raise
        local = f"mongodb://127.0.0.1:{names['MONGODB_PORT']}/"
        _run(local, "createUser", names["MONGODB_USER"], pwd=names["MONGODB_PASSWORD"], roles=["root"])


def _run(uri: str, command: str, value: Any = 1, **arguments: Any) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(
        uri, serverSelectionTimeoutMS=2000, connectTimeoutMS=2000, socketTimeoutMS=10_000
    )
    with client:
        client.admin.command(command, value, **arguments)
