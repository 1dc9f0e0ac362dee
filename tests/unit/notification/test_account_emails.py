"""The emails about accounts: a signed link that is in no log and in no message."""

import json
import logging
import re
from typing import Any

import pytest

from common.domain.account_links import AccountLink, AccountLinks, AccountMail
from common.domain.download_links import DownloadLinks
from common.errors import PermanentError
from common.messaging.message import AccountMessage, InvalidMessage, decode_account
from notification.account_emails import AccountDelivery
from notification.emails import Emails
from tests.unit.notification.conftest import LINKS

SIGNED = AccountLinks(LINKS)


class Mailer:
    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, email: Any) -> None:
        self.sent.append(email)


@pytest.fixture
def mailer() -> Mailer:
    return Mailer()


@pytest.fixture
def delivery(mailer: Mailer) -> AccountDelivery:
    emails = Emails("noreply@example.com", DownloadLinks(LINKS), LINKS.public_url)
    return AccountDelivery(emails, mailer, SIGNED, "http://video2mp3.com/")  # type: ignore[arg-type]


def request_(kind: str, username: str = "ann@example.com") -> AccountMessage:
    return AccountMessage(AccountMail(kind), "an-id", username, 3)


def texts(email: Any) -> list[str]:
    return [email.get_body((kind,)).get_content() for kind in ("plain", "html")]


@pytest.mark.parametrize(
    ("kind", "path", "lifetime"), [("verify", "/verify", "24 hours"), ("reset", "/reset-password", "30 minutes")]
)
def test_an_email_has_a_link_for_this_account_and_says_how_long_it_works(
    delivery, mailer, caplog, kind, path, lifetime
):
    caplog.set_level(logging.DEBUG)
    delivery.handle(request_(kind))
    (email,) = mailer.sent
    assert email["To"] == "ann@example.com"
    for text in texts(email):
        (token,) = re.findall(rf"http://video2mp3\.com{path}\?token=([\w.-]+)", text)
        assert SIGNED.read(AccountMail(kind), token) == AccountLink("an-id", "ann@example.com", 3)
        assert lifetime in " ".join(text.split())
        assert token not in caplog.text
        assert "Switch these emails off" not in text
    assert "token" not in request_(kind).encode().decode()


def test_whoever_registers_an_address_again_causes_an_email_without_a_link_that_changes_something(delivery, mailer):
    delivery.handle(request_("exists"))
    assert all("token=" not in text for text in texts(mailer.sent[0]))


def test_each_kind_has_its_subject_and_each_attempt_the_same_message_id(delivery, mailer):
    for kind in ("verify", "verify", "reset", "exists"):
        delivery.handle(request_(kind))
    first, again, *others = mailer.sent
    assert first["Message-ID"] == again["Message-ID"]
    assert len({email["Subject"] for email in (first, *others)}) == 3
    assert len({email["Message-ID"] for email in (first, *others)}) == 3


def test_a_name_that_is_no_address_fails_for_ever(delivery):
    with pytest.raises(PermanentError):
        delivery.handle(request_("verify", "ann\n@example.com"))


def test_a_message_is_read_as_it_was_written():
    assert decode_account(request_("reset").encode()) == request_("reset")


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field in ("kind", "account", "version", "username") for value in (None, ["x"])]
    + [("kind", "unknown"), ("version", "0"), ("username", "ann\n")],
)
def test_an_invalid_message_is_rejected(field, value):
    fields = {"kind": "verify", "account": "an-id", "username": "ann@example.com", "version": 0, field: value}
    with pytest.raises(InvalidMessage):
        decode_account(json.dumps(fields).encode())
