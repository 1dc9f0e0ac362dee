"""What the notification service depends on, for `python -m common.doctor`."""

from collections.abc import Iterator

from common.doctor import mongodb, network, rabbitmq
from common.doctor.checks import Check
from common.messaging.topology import dead_queue
from common.runtime import tls
from common.runtime.settings import load_settings
from notification.mailer import Mailer
from notification.settings import NotificationSettings

# Granted by manifests/mongodb/roles.json.
NEEDS = {
    "videos.jobs": ("find", "update"),
    "videos.accounts": ("find",),
    "videos.summaries": ("find",),
    "videos.usage": ("find", "insert", "update"),
    "videos.email_windows": ("find", "insert", "update", "remove", "createIndex"),
}


def checks() -> tuple[NotificationSettings, Iterator[Check]]:
    settings = load_settings(NotificationSettings)
    return settings, _checks(settings)


def _checks(settings: NotificationSettings) -> Iterator[Check]:
    yield from mongodb.checks(settings, NEEDS)
    names = [name for name in (settings.mp3_queue, settings.mail_queue) if name]
    yield from rabbitmq.checks(settings, [*names, *map(dead_queue, names)])
    # STARTTLS is part of the login.
    context = tls.context(settings.smtp_ca_file) if settings.smtp_security == "tls" else None
    yield from network.reach("smtp", settings.smtp_host, settings.smtp_port, context)
    yield Check("smtp", "login", lambda timeout: _login(settings, timeout))


def _login(settings: NotificationSettings, timeout: float) -> str:
    answer = Mailer(settings.model_copy(update={"smtp_timeout": timeout})).check()
    user = settings.account[0] if settings.account else "nobody, which this server allows"
    return f"signed in as {user} ({settings.smtp_security}): {answer}"
