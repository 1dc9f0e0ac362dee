"""What the notification service reads from its environment."""

import pytest

from notification.settings import NotificationSettings


@pytest.mark.parametrize("name", ["SEND_LEASE", "TELLING_LEASE"])
def test_the_lease_of_an_email_has_a_deprecated_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable, value in {
        "MONGO_URI": "mongodb://x", "RABBITMQ_URI": "amqp://x", "SMTP_HOST": "x", "LINK_SECRET": "x" * 32,
        "PUBLIC_URL": "http://x", name: "7",
    }.items():  # fmt: skip
        monkeypatch.setenv(variable, value)
    assert NotificationSettings().send_lease == 7
