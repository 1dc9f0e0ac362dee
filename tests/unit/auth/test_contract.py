"""The HTTP contract of the auth service, with users in memory."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import jwt
import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from auth.keys import api_key
from auth.keys.api_key import ApiKey
from auth.server import create_app
from auth.settings import AuthSettings
from auth.sso.provider import Person
from auth.users import User
from common.domain.scopes import Scope
from common.errors import Conflict, TransientError

PASSWORD = "correct:horse 🐎"
JWT_SECRET = "a secret of the tests, long enough"
LINK_SECRET = "another secret of the tests, long enough"
ADMIN = "admin@example.com"


class InMemoryUsers:
    """The table `user`, without a database."""

    def __init__(self) -> None:
        self.rows: list[User] = []
        self.available = True

    def find(self, email: str) -> User | None:
        self.check()
        return next((user for user in self.rows if user.email == email), None)

    def find_account(self, account: str) -> User | None:
        self.check()
        return next((user for user in self.rows if user.account == account), None)

    def insert(self, email: str, password: str, **fields: Any) -> User:
        """As an operator, or an earlier release."""
        self.rows.append(User(uuid4().hex, email, password, **fields))
        return self.rows[-1]

    def add(self, email: str, password: str, *, verified: bool) -> None:
        if self.find(email):
            raise Conflict("This email address is already registered.", code="account_exists")
        self.insert(email, password, verified=verified, since=int(time.time()))

    def change(self, user: User, **fields: Any) -> bool:
        self.check()
        found = self.find_account(user.account)
        if found is None or (found.token_version, found.email) != (user.token_version, user.email):
            return False
        self.rows = [replace(row, **fields) if row.account == user.account else row for row in self.rows]
        return True

    def change_password(self, seen: User, password: str, *, verified: bool = True) -> bool:
        ended = {"token_version": seen.token_version + 1}
        return self.change(seen, password=password, verified=seen.verified or verified, **ended)

    def end_tokens(self, seen: User) -> bool:
        return self.change(seen, token_version=seen.token_version + 1)

    def verify(self, seen: User) -> bool:
        return self.change(seen, verified=True)

    def replace_password(self, user: User, password: str) -> None:
        self.change(user, password=password)

    def page(self, prefix: str, after: str, limit: int) -> list[User]:
        found = [row for row in self.rows if row.email.startswith(prefix) and row.email > after and not row.deleted]
        return sorted(found, key=lambda row: row.email)[:limit]

    def set_disabled(self, seen: User, administrator: User, *, disabled: bool) -> bool:
        if self.find_account(administrator.account) != administrator:
            return False
        return self.change(seen, disabled=disabled, token_version=seen.token_version + 1)

    def delete(self, seen: User) -> bool:
        ended = {"disabled": True, "token_version": seen.token_version + 1}
        return self.change(seen, email=f"deleted:{seen.account}", password="", **ended)

    def check(self) -> None:
        if not self.available:
            raise TransientError("MySQL: down")


class InMemoryKeys:
    """The table `api_key`, without a database."""

    def __init__(self, users: InMemoryUsers) -> None:
        self.users = users
        self.rows: list[ApiKey] = []
        self.most = 0

    def find(self, key_hash: str) -> ApiKey | None:
        self.users.check()
        return next((key for key in self.rows if key.key_hash == key_hash), None)

    def of(self, account: str) -> list[ApiKey]:
        self.users.check()
        return [key for key in self.rows if key.account == account]

    def add(self, user: User, key: str, *, name: str, scope: Scope, expires_at: datetime | None) -> ApiKey:
        if len(self.of(user.account)) >= self.most:
            raise Conflict("The account has too many keys.", code="too_many_keys")
        hashed, shown, now = api_key.hashed(key), api_key.shown(key), api_key.now()
        self.rows.append(ApiKey(str(uuid4()), user.account, name, scope, shown, now, expires_at, key_hash=hashed))
        return self.rows[-1]

    def revoke(self, account: str, key_id: str) -> ApiKey | None:
        found = next((key for key in self.of(account) if key.id == key_id), None)
        self.rows = [key for key in self.rows if key != found]
        return found

    def revoke_all(self, account: str) -> None:
        self.users.check()
        self.rows = [key for key in self.rows if key.account != account]

    def mark_used(self, key_id: str, moment: datetime) -> None:
        self.users.check()
        self.rows = [replace(key, last_used_at=moment) if key.id == key_id else key for key in self.rows]


class InMemoryIdentities:
    """The table `identity`, without a database."""

    def __init__(self) -> None:
        self.accounts: dict[Person, str] = {}
        self.codes: dict[str, str] = {}

    def account(self, person: Person) -> str | None:
        return self.accounts.get(replace(person, email=None))

    def connect(self, person: Person, account: str) -> None:
        self.accounts[replace(person, email=None)] = account

    def issue_code(self, person: Person) -> str:
        code = uuid4().hex
        self.codes[code] = self.accounts[replace(person, email=None)]
        return code

    def redeem(self, code: str) -> str | None:
        return self.codes.pop(code, None)

    def forget(self, account: str) -> None:
        self.accounts = {person: each for person, each in self.accounts.items() if each != account}


@pytest.fixture
def users() -> InMemoryUsers:
    return InMemoryUsers()


@pytest.fixture
def keys(users: InMemoryUsers) -> InMemoryKeys:
    return InMemoryKeys(users)


@pytest.fixture
def app(users: InMemoryUsers, keys: InMemoryKeys, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FlaskClient]:
    def in_memory(_database: object, most: int) -> InMemoryKeys:
        keys.most = most
        return keys

    monkeypatch.setattr("auth.server.Users", lambda _database: users)
    monkeypatch.setattr("auth.server.Keys", in_memory)
    monkeypatch.setattr("auth.server.Identities", lambda _database: InMemoryIdentities())

    def make(**changes: Any) -> FlaskClient:
        values = {
            "mysql_host": "127.0.0.1", "mysql_user": "x", "mysql_password": "x", "jwt_secret": JWT_SECRET,
            "link_secret": LINK_SECRET, "require_verification": False,
        }  # fmt: skip
        return create_app(AuthSettings(**{**values, "admin_emails": ADMIN, **changes})).test_client()

    return make


@pytest.fixture
def client(app: Callable[..., FlaskClient]) -> FlaskClient:
    return app()


def register(client: FlaskClient, email: str, password: str = PASSWORD) -> Any:
    return client.post("/register", json={"email": email, "password": password})


def login(client: FlaskClient, email: str, password: str = PASSWORD) -> Any:
    return client.post("/login", auth=(email, password))


def validate(client: FlaskClient, token: str) -> Any:
    return client.post("/validate?scope=read", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic ####"},
        {"Authorization": "Basic " + "é"},
        {"Authorization": "Basic /////w=="},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Basic " + "QUFB" * 20_000},
        {"Authorization": "Negotiate " + "x" * 70_000},
    ],
)
def test_a_login_without_proper_credentials_is_refused(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.post("/login", headers=headers)

    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["error"]
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "name", ["x" * 300, "x" * 300 + "@example.com", "nul\0@example.com", "🎬@example.com", "", "'"]
)
@pytest.mark.parametrize("password", ["", "nul\0nul", "🎬" * 500, "x" * 5000, "::"])
def test_hostile_credentials_are_wrong_credentials(client: FlaskClient, name: str, password: str) -> None:
    assert login(client, name, password).status_code == 401


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"email": "ann@example.com"}', "application/json", 422),
        (b'{"email": "ann", "password": "12345678"}', "application/json", 422),
        (b'{"email": "ann@example.com", "password": "1234567"}', "application/json", 422),
        (b"[]", "application/json", 422),
        (b"{", "application/json", 400),
        (b"\xff\xfe\x00", "application/json", 400),
        (b"[" * 16_000, "application/json", 400),
        (b"", "application/json", 400),
        (b'{"email": "' + b"x" * 17_000 + b'"}', "application/json", 413),
        (b"email=ann@example.com&password=12345678", "application/x-www-form-urlencoded", 415),
        (b"{}", None, 415),
        (b"{}", "text/json;charset=\0", 415),
    ],
)
def test_a_bad_registration_is_refused_with_the_reason(
    client: FlaskClient, body: bytes, content_type: str | None, status: int
) -> None:
    answer = client.post("/register", data=body, content_type=content_type)

    assert answer.status_code == status
    assert answer.json is not None
    assert len(answer.json["error"]) > 10


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer " + "x" * 70_000, "Bearer é.é.é"])
def test_an_invalid_token_is_refused(client: FlaskClient, header: str) -> None:
    answer = client.post("/validate", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_forged_tokens_are_refused(client: FlaskClient) -> None:
    claims = {"username": ADMIN, "iat": 1_767_225_600, "exp": 4_000_000_000, "admin": True}
    forged = [
        jwt.encode(claims, "another secret, also long enough", algorithm="HS256"),
        jwt.encode(claims, JWT_SECRET * 2, algorithm="HS512"),
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode({**claims, "exp": 1_767_225_601}, JWT_SECRET, algorithm="HS256"),
        jwt.encode({"username": ADMIN}, JWT_SECRET, algorithm="HS256"),
    ]
    assert [validate(client, token).status_code for token in forged] == [401] * len(forged)


def test_a_token_ends_with_its_lifetime(app: Callable[..., FlaskClient], users: InMemoryUsers) -> None:
    users.insert("ann@example.com", "a plain password")
    client = app(token_lifetime=60)
    claims = validate(client, login(client, "ann@example.com", "a plain password").text).json
    assert claims["exp"] - claims["iat"] == 60


@pytest.mark.parametrize("path", ["/login", "/register", "/validate"])
def test_only_post_is_accepted(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 405
    assert answer.json is not None
    assert "POST" in answer.headers["Allow"]


def test_of_the_probes_only_liveness_is_for_clients(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert [client.get(path).status_code for path in ("/readyz", "/metrics", "/status")] == [404, 404, 404]


def test_an_outdated_hash_is_replaced_at_login(client: FlaskClient, users: InMemoryUsers) -> None:
    outdated = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    users.insert("ann@example.com", outdated)

    assert login(client, "ann@example.com", "wrong password").status_code == 401
    assert users.rows[0].password == outdated
    assert login(client, "ann@example.com").status_code == 200
    assert users.rows[0].password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert login(client, "ann@example.com").status_code == 200


def test_a_wrong_password_and_an_unknown_user_get_the_same_refusal(client: FlaskClient) -> None:
    register(client, "ann@example.com")
    wrong, unknown = login(client, "ann@example.com", "wrong password"), login(client, "unknown@example.com")

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json == unknown.json
    assert wrong.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"] == 'Basic realm="video2mp3"'


def token_of_the_previous_release(email: str, iat: float | None = None) -> str:
    claims = {"username": email, "iat": int(iat or time.time()), "exp": 4_000_000_000, "admin": False}
    return jwt.encode(claims, JWT_SECRET, algorithm="HS256")


def test_a_token_names_the_account_by_an_id_that_its_address_does_not_determine(client, users) -> None:
    register(client, "ann@example.com")
    first = validate(client, login(client, "ann@example.com").text).json
    users.delete(users.rows[0])
    register(client, "ann@example.com")
    second = validate(client, login(client, "ann@example.com").text).json

    assert first["username"] == second["username"] == "ann@example.com"
    assert first["sub"] != second["sub"]
    assert abs(second["since"] - time.time()) < 60


def test_a_token_of_the_previous_release_stays_valid_and_gets_the_id_of_its_account(client, users) -> None:
    account = users.insert("ann@example.com", PASSWORD).account
    answer = validate(client, token_of_the_previous_release("ann@example.com"))
    assert answer.status_code == 200
    assert (answer.json["sub"], answer.json["since"]) == (account, None)


def test_a_token_of_the_previous_release_is_not_valid_for_a_later_account_with_the_address(client) -> None:
    token = token_of_the_previous_release("ann@example.com", iat=time.time() - 60)
    assert validate(client, token).status_code == 401
    register(client, "ann@example.com")
    assert validate(client, token).status_code == 401
    assert validate(client, token_of_the_previous_release("ann@example.com", time.time() + 1)).status_code == 200


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of accounts is not cached."""
    monkeypatch.setattr("auth.recent.FRESH", 0.0)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("token", ["new", "of the previous release"])
@pytest.mark.parametrize("end", [{"token_version": 1}, {"disabled": True}, None])
def test_a_token_ends_with_its_account_or_its_version(app, users, token, end) -> None:
    user = users.insert("ann@example.com", PASSWORD)
    client = app()
    valid = login(client, user.email).text if token == "new" else token_of_the_previous_release(user.email)
    assert validate(client, valid).status_code == 200
    if end is None:
        users.delete(user)
    else:
        users.change(user, **end)

    answer = validate(client, valid)

    assert (answer.status_code, answer.json["code"]) == (401, "invalid_token")


@pytest.mark.usefixtures("at_once")
def test_a_token_of_a_disabled_account_is_refused_and_so_is_its_login(app, users) -> None:
    users.insert("ann@example.com", PASSWORD, disabled=True)
    client = app()
    assert login(client, "ann@example.com", "wrong password").status_code == 401
    answer = login(client, "ann@example.com")
    assert (answer.status_code, answer.json["code"]) == (403, "account_disabled")


@pytest.mark.usefixtures("at_once")
def test_without_the_database_a_token_is_checked_against_the_last_known_state(app, users) -> None:
    ann, ben = (users.insert(f"{name}@example.com", PASSWORD) for name in ("ann", "ben"))
    client, other = app(), app()
    tokens = [login(client, user.email).text for user in (ann, ben)]
    users.change(ben, token_version=1)
    assert [validate(client, token).status_code for token in tokens] == [200, 401]

    users.available = False

    assert [validate(client, token).status_code for token in tokens] == [200, 401]
    # A replica that has not read the account cannot know whether the token is still valid.
    assert validate(other, tokens[0]).status_code == 503
