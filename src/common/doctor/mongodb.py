"""Checks of MongoDB: the members, the login, and the privileges of the account."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pymongo.uri_parser import parse_uri

from common.doctor.checks import Check
from common.doctor.network import reach
from common.runtime import tls
from common.runtime.settings import MongoSettings
from common.storage import mongo

# Actions by `database.collection`; without a collection, of all collections of the database.
Needs = Mapping[str, Sequence[str]]
_PORT = 27017


def checks(settings: MongoSettings, needs: Needs) -> Iterator[Check]:
    # The name of an SRV record is resolved by pymongo.
    if not settings.mongo_url.startswith("mongodb+srv:"):
        for host, port in parse_uri(settings.mongo_url)["nodelist"]:
            yield from reach("mongodb", host, port or _PORT, _context(settings))
    yield Check("mongodb", "login", lambda timeout: _login(settings, timeout))
    yield Check("mongodb", "primary", lambda timeout: _primary(settings, timeout))
    yield Check("mongodb", "privileges", lambda timeout: _privileges(settings, needs, timeout))


def missing(granted: Sequence[Mapping[str, Any]], needs: Needs) -> list[str]:
    """The needs that the privileges of `connectionStatus` do not cover."""
    lacking = []
    for namespace, actions in needs.items():
        database, _, collection = namespace.partition(".")
        allowed = {
            action
            for privilege in granted
            if _covers(privilege["resource"], database, collection)
            for action in privilege["actions"]
        }
        lacking += [f"{action} on {namespace.rstrip('.')}" for action in actions if action not in allowed]
    return lacking


def _covers(resource: Mapping[str, Any], database: str, collection: str) -> bool:
    if resource.get("anyResource"):
        return True
    return resource.get("db") in ("", database) and resource.get("collection") in ("", collection)


def _context(settings: MongoSettings) -> ssl.SSLContext | None:
    if settings.mongodb_ca_file is None:
        return None
    return tls.context(settings.mongodb_ca_file, settings.mongodb_cert_file)


def _status(settings: MongoSettings, timeout: float) -> dict[str, Any]:
    with mongo.connect(settings.model_copy(update={"mongodb_timeout": timeout})) as client, mongo.failures():
        status = client.admin.command("connectionStatus", showPrivileges=True)
    info: dict[str, Any] = status["authInfo"]
    return info


def _login(settings: MongoSettings, timeout: float) -> str:
    users = [user["user"] for user in _status(settings, timeout)["authenticatedUsers"]]
    return f"user {', '.join(users)}" if users else "without a user: MongoDB has no authentication"


def _primary(settings: MongoSettings, timeout: float) -> str:
    with mongo.connect(settings.model_copy(update={"mongodb_timeout": timeout})) as client, mongo.failures():
        hello = client.admin.command("hello")
    members = len(hello.get("hosts", ()))
    if not hello.get("setName"):
        return "a standalone server or a router"
    return f"{hello.get('primary')}, {members} member{'s' * (members != 1)} in the replica set"


def _privileges(settings: MongoSettings, needs: Needs, timeout: float) -> str:
    info = _status(settings, timeout)
    if not info["authenticatedUsers"]:
        return "not needed without authentication"
    if lacking := missing(info["authenticatedUserPrivileges"], needs):
        raise PermissionError(f"missing: {', '.join(lacking)}")
    return f"all of {len(needs)} collections and databases"
