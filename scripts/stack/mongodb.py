"""The stack's MongoDB: one private node with accounts."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from scripts.stack import environment
from scripts.stack.program import Program, StackError, find
from scripts.stack.state import State

_AUTHENTICATION_FAILED = 18  # MongoDB's error code of that name


def _packaged() -> Path:
    # See docs/decisions/0002-mongod-from-pypi.md. Found without an import, which would load more than the path.
    spec = importlib.util.find_spec("fiftyone")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0] if places else "/nonexistent") / "db" / "bin" / "mongod"


def program(state: State) -> Program:
    """The server: `mongod` of this machine, or else that of the Python packages."""
    folder, port = state.folder / "mongodb", state.ports["mongodb"]
    command = (
        find("mongod", _packaged(), package="MongoDB"),
        "--auth",
        "--bind_ip=127.0.0.1",
        f"--port={port}",
        f"--dbpath={folder}",
        f"--unixSocketPrefix={state.run}",
        "--wiredTigerCacheSizeGB=0.25",
        # Statistics for MongoDB's own support: constant disk writes, of no use here.
        "--setParameter=diagnosticDataCollectionEnabled=false",
        "--quiet",
    )
    return Program(
        name="mongodb",
        command=command,
        environment=environment.base(state),
        check=lambda: check(state),
        port=port,
        url=f"mongodb://127.0.0.1:{port}",
        is_server=True,
        stop_seconds=30,
    )


def prepare(state: State) -> None:
    (state.folder / "mongodb").mkdir(mode=0o700, exist_ok=True)


@contextmanager
def _client(uri: str, wait: float = 2) -> Iterator[MongoClient[dict[str, Any]]]:
    client: MongoClient[dict[str, Any]] = MongoClient(
        uri, serverSelectionTimeoutMS=int(wait * 1000), connectTimeoutMS=2000, socketTimeoutMS=10_000
    )
    with client:
        yield client


def initialise(state: State, timeout: float) -> None:
    """Creates the account at the first start, while the server still lets a local caller do that (and only that).

    Waits up to `timeout` seconds for the server. Raises StackError when it does not answer.
    """
    names = environment.own(state)
    try:
        with _client(f"mongodb://127.0.0.1:{state.ports['mongodb']}/", wait=timeout) as client:
            client.admin.command("ping")
            try:
                check(state)
            except OperationFailure as error:
                if error.code != _AUTHENTICATION_FAILED:
                    raise
                client.admin.command("createUser", names["MONGODB_USER"], pwd=names["MONGODB_PASSWORD"], roles=["root"])
    except PyMongoError as error:
        raise StackError(
            f"The account of mongodb cannot be created: {error}. Its log is {state.logs / 'mongodb.log'}."
        ) from None


def check(state: State) -> None:
    with _client(environment.own(state)["MONGO_URI"]) as client:
        client.admin.command("ping")
