"""What the servers do with open and new connections when a password changes: docs/operations.md, "Rotating secrets"."""

import secrets
from collections.abc import Callable, Iterator
from urllib.parse import quote

import MySQLdb
import pytest
import requests
from bson import ObjectId
from pika.exceptions import AMQPConnectionError

from common.domain.job_repository import Jobs
from common.messaging.connection import connect
from common.runtime.settings import MongoSettings, RabbitSettings
from common.storage import mongo
from common.storage.mongo import StorageUnavailable
from tests.integration import servers

OWNER = "owner@example.com"


@pytest.fixture
def account() -> str:
    return f"rotated-{secrets.token_hex(6)}"


@pytest.fixture
def jobs(environment: dict[str, str], db: mongo.Db) -> Iterator[Callable[[str, str], Jobs]]:
    """Connects with an account; returns the jobs of the test's database."""
    opened = []

    def sign_in(user: str, password: str) -> Jobs:
        address = f"{environment['MONGODB_HOST']}:{environment['MONGODB_PORT']}"
        uri = f"mongodb://{user}:{password}@{address}/?authSource=admin"
        opened.append(mongo.connect(MongoSettings(mongo_uri=uri)))
        return Jobs(opened[-1][db.name])

    yield sign_in
    for client in opened:
        client.close()


@pytest.fixture
def mongodb_accounts(client: mongo.Client, db: mongo.Db, account: str) -> Iterator[mongo.Db]:
    """The database of the accounts, with one that may use the test's database."""
    admin = client["admin"]
    admin.command("createUser", account, pwd="old", roles=[{"role": "readWrite", "db": db.name}])
    yield admin
    for user in admin.command("usersInfo")["users"]:
        if user["user"].startswith(account):
            admin.command("dropUser", user["user"])


def test_mongodb_keeps_open_connections_and_a_second_account_is_valid_meanwhile(mongodb_accounts, account, jobs):
    before, video_fid = jobs(account, "old"), ObjectId()
    before.create(video_fid, OWNER, "talk.mp4", {})
    roles = mongodb_accounts.command("usersInfo", account)["users"][0]["roles"]
    mongodb_accounts.command("createUser", f"{account}-rotation", pwd="temporary", roles=roles)
    mongodb_accounts.command("updateUser", account, pwd="new")

    assert before.get(video_fid) is not None
    with pytest.raises(StorageUnavailable, match="Authentication failed"):
        jobs(account, "old").get(video_fid)
    assert jobs(f"{account}-rotation", "temporary").get(video_fid) is not None
    assert jobs(account, "new").get(video_fid) is not None


@pytest.fixture
def rabbit_password(environment: dict[str, str], account: str) -> Iterator[Callable[[str], None]]:
    """Creates a RabbitMQ account with all rights, or changes its password."""
    url = environment["RABBITMQ_MANAGEMENT_URL"]
    login = environment["RABBITMQ_USER"], environment["RABBITMQ_PASSWORD"]

    def put(path: str, **body: str) -> None:
        requests.put(f"{url}/api/{path}", json=body, auth=login, timeout=30).raise_for_status()

    def set_password(password: str) -> None:
        put(f"users/{account}", password=password, tags="")
        put(f"permissions/%2F/{account}", configure=".*", write=".*", read=".*")

    yield set_password
    requests.delete(f"{url}/api/users/{account}", auth=login, timeout=30).raise_for_status()


def test_rabbitmq_keeps_open_connections(environment, account, rabbit_password):
    def settings(password: str) -> RabbitSettings:
        uri = f"amqp://{account}:{password}@127.0.0.1:{environment['RABBITMQ_PORT']}/{quote('/', safe='')}"
        return RabbitSettings(rabbitmq_uri=uri)

    rabbit_password("old")
    with servers.queues(environment) as queues:
        opened = queues.model_copy(update={"rabbitmq_uri": settings("old").rabbitmq_uri})
        with servers.connection(opened) as connection:
            rabbit_password("new")
            connection.check()
            assert connection.call(lambda channel: channel.basic_get(opened.video_queue))[0] is None
            with pytest.raises(AMQPConnectionError):
                connect(settings("old"), "late")
            connect(settings("new"), "new").close()


def test_mariadb_keeps_open_connections_and_rejects_the_old_password(environment, account):
    def sign_in(user: str, password: str) -> MySQLdb.Connection:
        return MySQLdb.connect(
            host="127.0.0.1", port=int(environment["MYSQL_PORT"]), user=user, password=password, connect_timeout=10
        )

    def answers(connection: MySQLdb.Connection) -> bool:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        return cursor.fetchall() == ((1,),)

    root = sign_in(environment["MYSQL_ROOT_USER"], environment["MYSQL_ROOT_PASSWORD"])
    root.cursor().execute(f"CREATE USER '{account}'@'%' IDENTIFIED BY 'old'")
    try:
        before = sign_in(account, "old")
        root.cursor().execute(f"ALTER USER '{account}'@'%' IDENTIFIED BY 'new'")
        assert answers(before)
        with pytest.raises(MySQLdb.OperationalError, match="Access denied"):
            sign_in(account, "old")
        assert answers(sign_in(account, "new"))
    finally:
        root.cursor().execute(f"DROP USER '{account}'@'%'")
