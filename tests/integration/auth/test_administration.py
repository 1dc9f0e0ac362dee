"""What the administration of accounts asks of the database: pages by an index, exact searches, fenced changes."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from flask import Flask

from auth.database import Database
from auth.users import User, Users
from common.errors import TransientError
from tests.integration.auth.conftest import Operator, app_on, database_of


@pytest.fixture
def app(database, monkeypatch) -> Flask:
    return app_on(database, monkeypatch)


@pytest.fixture
def users(app: Flask) -> Users:
    with app.app_context():
        yield Users(database_of(app))


@pytest.fixture
def prefix() -> str:
    return f"a{uuid4().hex[:10]}"


def insert(operator: Operator, *emails: str) -> None:
    for email in emails:
        operator.execute("INSERT INTO user (email, password) VALUES (%s, 'x')", email)


def emails(found: list[User]) -> list[str]:
    return [user.email for user in found]


def test_pages_are_in_the_order_of_addresses_without_deleted_accounts(users, operator, prefix):
    names = [f"{prefix}-{number}@example.com" for number in range(5)]
    insert(operator, *reversed(names), f"{prefix}-gone@example.com")
    users.delete(users.find(f"{prefix}-gone@example.com"))
    assert emails(users.page(prefix, "", 3)) == names[:3]
    assert emails(users.page(prefix.upper(), names[2], 3)) == names[3:]
    assert users.page("deleted", "", 200) == []
    everything, after = [], ""
    while page := users.page("", after, 200):
        everything += emails(page)
        after = page[-1].email
    assert set(names) <= set(everything)
    assert len(everything) == len(set(everything))
    assert not [email for email in everything if email.startswith("deleted:")]


@pytest.mark.parametrize(
    ("text", "found"),
    [("%", []), ("_", []), ("a%b", ["a%b"]), ("a_b", ["a_b"]), ("a|b", ["a|b"]), ("a\\", ["a\\b"]), ("a'", ["a'b"]),
     ("a|%", []), ("\0", []), ("' OR 1=1 -- ", []), ("🎬", [])],
)  # fmt: skip
def test_a_search_text_has_no_wildcards(users, operator, prefix, text, found):
    insert(operator, *(f"{prefix}{name}@example.com" for name in ("a%b", "a_b", "a|b", "a\\b", "a'b", "axb")))
    assert emails(users.page(prefix + text, "", 10)) == [f"{prefix}{name}@example.com" for name in found]


@pytest.mark.parametrize(("text", "after"), [("", ""), ("", "m"), ("user-1", ""), ("user-1", "user-15")])
def test_a_page_costs_the_same_however_many_accounts_there_are(users, operator, prefix, text, after, monkeypatch):
    """The rows that the server reads: the page, and one for each range of the index."""
    insert(operator, *(f"{prefix}user-{number}@example.com" for number in range(60)))
    read: list[int] = []
    rows = Database.rows

    def counting(self: Database, statement: str, *values: object) -> object:
        with self.cursor() as cursor:
            cursor.execute(statement, values)
            found = cursor.fetchall()
            cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%%'")
            read.append(sum(int(value) for _, value in cursor.fetchall()))
            return found

    monkeypatch.setattr(Database, "rows", counting)
    page = users.page(prefix + text if text else "", prefix + after if after else "", 5)
    monkeypatch.setattr(Database, "rows", rows)
    assert len(page) == 5
    assert read[0] <= 10


def test_of_many_administrators_who_change_an_account_at_the_same_time_one_succeeds(app, users, operator, prefix):
    insert(operator, *(f"{prefix}-{name}@example.com" for name in ("one", "two", "target")))
    administrators = [users.find(f"{prefix}-{name}@example.com") for name in ("one", "two")]
    target = users.find(f"{prefix}-target@example.com")

    def disable(number: int) -> bool:
        with app.app_context():
            return Users(database_of(app)).set_disabled(target, administrators[number % 2], disabled=True)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(disable, range(8))) == 1
    changed = users.find_account(target.account)
    assert (changed.disabled, changed.token_version) == (True, target.token_version + 1)


def test_of_two_administrators_who_disable_each_other_one_stays(app, users, operator, prefix):
    for attempt in range(20):
        insert(operator, f"{prefix}-{attempt}a@example.com", f"{prefix}-{attempt}b@example.com")
        pair = [users.find(f"{prefix}-{attempt}{name}@example.com") for name in "ab"]

        def disable(number: int, pair: list[User] = pair) -> bool:
            with app.app_context():
                try:
                    return Users(database_of(app)).set_disabled(pair[1 - number], pair[number], disabled=True)
                except TransientError:  # a deadlock, of which one of the two is the victim
                    return False

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(disable, range(2)))
        assert sum(done) == 1
        assert sum(users.find_account(user.account).disabled for user in pair) == 1


def test_an_administrator_who_was_disabled_or_signed_out_can_change_nothing(users, operator, prefix):
    insert(operator, f"{prefix}-a@example.com", f"{prefix}-b@example.com")
    administrator, target = (users.find(f"{prefix}-{name}@example.com") for name in "ab")
    users.end_tokens(administrator)
    assert not users.set_disabled(target, administrator, disabled=True)
    operator.execute("UPDATE user SET disabled = TRUE WHERE email = %s", administrator.email)
    assert not users.set_disabled(target, users.find_account(administrator.account), disabled=True)
    assert users.find_account(target.account) == target
