"""What counts as one client and as one account for the rate limits."""

from typing import Any

import pytest
from flask import Response
from flask.testing import FlaskClient

from auth.addresses import canonical
from common.domain.accounts import Accounts
from common.domain.job_repository import Jobs
from common.domain.usage import UsageRepository
from common.http import app as http
from gateway import accounts
from gateway.rate_limits import account_key, client_network, limiter
from gateway.settings import GatewaySettings
from tests.unit.gateway.memory import Database
from tests.unit.gateway.test_accounts import SETTINGS

SPELLINGS = {
    "ann@example.com": [
        "Ann@Example.COM", " ann@example.com ", "ann@ｅｘａｍｐｌｅ.com", "ann@example。com", "ann@example．ｃｏｍ",
        "ann@𝐞𝐱𝐚𝐦𝐩𝐥𝐞.com", "ann@ⓔxample.com",
    ],
    "ann@bücher.example": [
        "ann@xn--bcher-kva.example", "ann@BÜCHER.example", "ann@bu\u0308cher.example", "ann@XN--BCHER-KVA.EXAMPLE",
        "ann@xn--bcher-kva。example", "ann@ｘn--bcher-kva.example",
    ],
}  # fmt: skip


class Auth:
    """Refuses every login."""

    def ask(self, *_: object, **__: object) -> Any:
        class Answer:
            content, status_code, headers = b"{}", 401, {"Content-Type": "application/json"}

        return Answer()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A gateway with low limits, which are counted in memory."""
    app = http.create_app("test")
    settings = GatewaySettings(
        **{**SETTINGS, "mongo_uri": "memory://"},
        login_limit="3/hour", login_limit_per_address="6/hour", login_limit_per_account="5/hour",
    )  # type: ignore[arg-type]  # fmt: skip
    monkeypatch.setattr(GatewaySettings, "mongo_url", "memory://")
    auth: Any = Auth()
    database: Any = Database()
    no_mails: Any = None
    limits, usage = limiter(app, settings), UsageRepository(database)
    jobs = Jobs(database)
    app.register_blueprint(
        accounts.blueprint(settings, auth, Accounts(database), no_mails, limits, usage=usage, jobs=jobs)
    )
    return app.test_client()


def attempt(web: FlaskClient, account: str, address: str) -> int:
    response: Response = web.post("/login", auth=(account, "guess"), environ_base={"REMOTE_ADDR": address})  # type: ignore[assignment]
    return response.status_code


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_network_of_64_bits_and_an_ipv4_address_are_one_client_each(address, client):
    with http.create_app("test").test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert client_network() == client


@pytest.mark.parametrize(
    ("account", "spelling"), [(name, one) for name, several in SPELLINGS.items() for one in several]
)
def test_every_spelling_of_an_account_counts_for_it(account, spelling):
    assert canonical(spelling) == canonical(account)
    assert account_key(spelling) == account_key(account)


def test_different_accounts_have_counters_of_their_own():
    names = ["ann@example.com", "bob@example.com", "ann@example.org", "ann1@example.com", "иван@example.com", ""]
    assert len(set(map(account_key, names))) == len(names)


def test_other_addresses_of_the_same_network_do_not_evade_the_limit(web):
    assert [attempt(web, f"{n}@example.com", f"2001:db8::{n}") for n in range(1, 8)] == [401] * 6 + [429]
    assert attempt(web, "8@example.com", "2001:db8:0:1::8") == 401


def test_other_networks_do_not_evade_the_limit_of_an_account(web):
    assert [attempt(web, "ann@example.com", f"192.0.2.{n}") for n in range(1, 7)] == [401] * 5 + [429]
    assert attempt(web, "bob@example.com", "192.0.2.1") == 401


def test_other_spellings_do_not_evade_the_limit_of_an_account(web):
    spellings = ["ann@example.com", *SPELLINGS["ann@example.com"]]
    assert [attempt(web, name, "192.0.2.1") for name in spellings][:4] == [401] * 3 + [429]
