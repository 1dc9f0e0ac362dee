"""What the services may not do with RabbitMQ and MongoDB, on the stack's servers, which have the cluster's users."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
import requests
from bson import ObjectId
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from scripts.stack import Stack, environment

_ACCESS_REFUSED = 403
QUEUES = ("video", "mp3", "summary", "mail")
# The queues that each service consumes.
CONSUMED = {"gateway": (), "converter": ("video",), "notification": ("mp3", "mail"), "summary": ("summary",)}
SERVICES = tuple(CONSUMED)
# For ./scripts/dead-letters.sh.
DEAD = [f"{name}.dead" for name in QUEUES]
# RabbitMQ 4.3 requires the permission to configure a queue of whoever asks for its number of messages.
COUNTED = {"gateway": {"video", *DEAD}}


def variables(stack: Stack, service: str) -> dict[str, str]:
    """How a service logs in."""
    return environment.service(stack.state, service, service)


def refused(uri: str, act: Callable[[BlockingChannel], object]) -> bool:
    """Whether RabbitMQ refuses what a user does."""
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(uri))) as connection:
        try:
            act(connection.channel())
        except ChannelClosedByBroker as error:
            # Otherwise the broker would say that there is no such queue.
            return error.reply_code == _ACCESS_REFUSED
        return False


def foreign(service: str) -> list[str]:
    """Queues of other services, and what belongs to them."""
    names = [name for name in QUEUES if name not in CONSUMED[service]]
    return [f"{name}{suffix}" for name in names for suffix in ("", ".dead", ".retry.2000", ".migration", "-2")]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_changes_and_deletes_no_queue_of_another_one(stack: Stack, service: str) -> None:
    uri = variables(stack, service)["RABBITMQ_URI"]
    allowed = []
    for queue in foreign(service):
        acts: dict[str, Callable[[BlockingChannel], object]] = {
            "declare": lambda channel, queue=queue: channel.queue_declare(queue, durable=True),
            "delete": lambda channel, queue=queue: channel.queue_delete(queue),
            "read": lambda channel, queue=queue: channel.basic_get(queue),
            "consume": lambda channel, queue=queue: channel.basic_consume(queue, lambda *_: None),
            "purge": lambda channel, queue=queue: channel.queue_purge(queue),
        }
        if queue in COUNTED.get(service, ()):
            assert not refused(uri, lambda channel, queue=queue: channel.queue_declare(queue, passive=True))
            del acts["declare"], acts["delete"]
        if service == "gateway" and queue in DEAD:
            del acts["purge"]
        allowed += [(act, queue) for act, do in acts.items() if not refused(uri, do)]
    assert set(allowed) == (set(itertools.product(("read", "consume"), DEAD)) if service == "gateway" else set())


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_makes_no_exchanges_bindings_or_other_queues(stack: Stack, service: str) -> None:
    uri = variables(stack, service)["RABBITMQ_URI"]
    own = (*CONSUMED[service], "any")[0]
    assert refused(uri, lambda channel: channel.exchange_declare("any"))
    assert refused(uri, lambda channel: channel.queue_declare("any"))
    assert refused(uri, lambda channel: channel.queue_bind(own, "amq.topic", "#"))
    assert refused(uri, lambda channel: channel.basic_get("amq.rabbitmq.trace"))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_cannot_use_the_management_api(stack: Stack, service: str) -> None:
    login = service, stack.state.secrets[f"rabbitmq_{service}"]
    url = stack.environment["RABBITMQ_MANAGEMENT_URL"]
    for path in ("overview", "users", "queues", "definitions"):
        assert requests.get(f"{url}/api/{path}", auth=login, timeout=30).status_code == 401, path


def test_people_see_the_queues_and_change_nothing(stack: Stack) -> None:
    names = stack.environment
    login, url = (names["RABBITMQ_MANAGER_USER"], names["RABBITMQ_MANAGER_PASSWORD"]), names["RABBITMQ_MANAGEMENT_URL"]

    def status(method: str, path: str, **body: object) -> int:
        return requests.request(method, f"{url}/api/{path}", json=body or None, auth=login, timeout=30).status_code

    found = {queue["name"] for queue in requests.get(f"{url}/api/queues", auth=login, timeout=30).json()}
    assert set(QUEUES) <= found
    assert status("GET", "queues/%2F/video") == 200
    assert status("GET", "users") == 401
    assert status("PUT", "users/intruder", password="x", tags="administrator") == 401
    message = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    for method, path, body in (
        ("DELETE", "queues/%2F/video", {}),
        ("DELETE", "queues/%2F/video/contents", {}),
        ("POST", "queues/%2F/video/get", message),
        ("PUT", "queues/%2F/any", {"durable": True}),
    ):
        assert status(method, path, **body) in {400, 401, 403}, path
    assert status("GET", "queues/%2F/video") == 200


_UNAUTHORIZED = 13
COLLECTIONS = (
    "videos.jobs", "videos.accounts", "videos.summaries", "videos.transcripts", "videos.uploads", "videos.migrations",
    "videos.email_windows", "videos.usage", "videos.housekeeping", "videos.orphaned_chunks",
    "videos.audit", "videos.audit_outcomes",
    "videos.fs.files", "videos.fs.chunks", "mp3s.fs.files", "mp3s.fs.chunks",
    "limits.counters",
)  # fmt: skip
# The collections that a service can read, and those of them that it can change.
READ = {
    "gateway": set(COLLECTIONS) - {"videos.email_windows"},
    "converter": {
        "videos.jobs", "videos.usage", "videos.fs.files", "videos.fs.chunks", "mp3s.fs.files", "mp3s.fs.chunks",
    },
    "notification": {"videos.jobs", "videos.accounts", "videos.summaries", "videos.usage", "videos.email_windows"},
    "summary": {"videos.jobs", "videos.summaries", "videos.transcripts", "mp3s.fs.files", "mp3s.fs.chunks"},
}  # fmt: skip
CHANGED = {
    "gateway": READ["gateway"] - {"videos.audit", "videos.audit_outcomes"},
    "converter": READ["converter"] - {"videos.fs.files", "videos.fs.chunks"},
    "notification": READ["notification"] - {"videos.accounts", "videos.summaries"},
    "summary": {"videos.summaries", "videos.transcripts"},
}


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def databases(stack: Stack, service: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """MongoDB as the service sees it."""
    with MongoClient(variables(stack, service)["MONGO_URI"], serverSelectionTimeoutMS=10_000) as client:
        yield client


def unauthorized(act: Callable[[], object]) -> bool:
    """Whether MongoDB refuses it."""
    try:
        act()
    except OperationFailure as error:
        # Otherwise it was allowed, and failed.
        return error.code == _UNAUTHORIZED
    return False


def test_a_service_reads_and_changes_its_collections_only(service: str, databases: MongoClient[dict[str, Any]]) -> None:
    nothing = {"_id": ObjectId()}
    read, changed = set(), set()
    for name in COLLECTIONS:
        database, _, place = name.partition(".")
        collection = databases[database][place]
        if not unauthorized(lambda collection=collection: collection.find_one(nothing)):
            read.add(name)
        if not unauthorized(lambda collection=collection: collection.update_one(nothing, {"$set": {"x": 1}})):
            changed.add(name)
    assert (read, changed) == (READ[service], CHANGED[service])


def test_no_service_deletes_an_entry_of_the_audit_log(databases: MongoClient[dict[str, Any]]) -> None:
    nothing = {"_id": ObjectId()}
    for name in ("audit", "audit_outcomes"):
        collection = databases["videos"][name]
        acts: list[Callable[[], object]] = [
            lambda collection=collection: collection.delete_one(nothing),
            lambda collection=collection: collection.replace_one(nothing, {}, upsert=True),
            lambda collection=collection: collection.find_one_and_delete(nothing),
            lambda collection=collection: collection.drop_indexes(),
        ]
        assert all(map(unauthorized, acts))


def test_a_service_drops_no_collection_and_administers_nothing(
    stack: Stack, service: str, databases: MongoClient[dict[str, Any]]
) -> None:
    allowed = []
    for name in COLLECTIONS:
        database, _, place = name.partition(".")
        if not unauthorized(lambda db=databases[database], place=place: db.drop_collection(place)):
            allowed.append(name)
    admin = databases["admin"]
    commands: dict[str, tuple[Database[dict[str, Any]], Any]] = {
        "read the users": (admin, {"usersInfo": {"user": "video2mp3", "db": "admin"}}),
        "read the password hashes": (admin, {"find": "system.users"}),
        "create a user": (admin, {"createUser": "intruder", "pwd": "x", "roles": ["root"]}),
        "change the own roles": (admin, {"grantRolesToUser": service, "roles": ["root"]}),
        "change the own role": (admin, {"updateRole": f"video2mp3-{service}", "roles": ["root"]}),
        "drop a database": (databases["videos"], {"dropDatabase": 1}),
        "stop the server": (admin, {"shutdown": 1}),
        "read the configuration": (admin, {"getCmdLineOpts": 1}),
        "read the oplog": (databases["local"], {"find": "oplog.rs", "limit": 1}),
        "make a database": (databases["other"], {"insert": "any", "documents": [{}]}),
    }
    allowed += [what for what, (db, command) in commands.items() if not unauthorized(lambda: db.command(command))]  # noqa: B023
    assert allowed == []


def test_a_restore_replaces_collections_and_administers_nothing(stack: Stack) -> None:
    uri = environment.service(stack.state, "backup", "backup")["MONGO_URI"]
    with MongoClient(uri, serverSelectionTimeoutMS=10_000) as client:
        made = client["mp3s"]["restored_by_a_test"]
        made.insert_one({})
        client["mp3s"].drop_collection(made.name)
        assert unauthorized(client["limits"]["counters"].find_one)
        assert unauthorized(lambda: client["admin"].command({"usersInfo": 1}))
