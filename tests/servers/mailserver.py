"""A real SMTP server that delivers to a Maildir, and fails on request the ways mail servers fail.

A program that is run by itself; it needs only aiosmtpd. SMTP_USER and SMTP_PASSWORD are environment variables.
STARTTLS, or TLS from the start with `--implicit-tls`, and a login are required. `control.json` in its folder is read
again for each reply:
`{"mode": "ok" | "hang" | "4xx" | "5xx" | "refuse-auth" | "hang-after-accept", "accepted_then_drop": true | false,
"replies": {"STARTTLS" | "AUTH" | "MAIL" | "RCPT" | "DATA" | "CONTENT" | <recipient>: "<code> <text>"}}`.
"""

import argparse
import asyncio
import functools
import hmac
import json
import logging
import mailbox
import os
import signal
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, AnyStr

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

log = logging.getLogger("mailserver")

# Bytes; what the large providers accept.
_SIZE_LIMIT = 25 * 1024**2


@dataclass(frozen=True)
class Fault:
    """The present fault."""

    mode: str = "ok"
    accepted_then_drop: bool = False
    replies: Mapping[str, str] = field(default_factory=dict)
    """What to answer to a command, to the content, or for a recipient."""

    @classmethod
    def read(cls, path: Path) -> "Fault":
        """The fault that the control file asks for; none when there is no file."""
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError:
            return cls()
        return cls(
            str(content.get("mode", "ok")),
            bool(content.get("accepted_then_drop", False)),
            content.get("replies", {}),
        )


async def _hang() -> None:
    # Until the client disconnects, which cancels the task.
    await asyncio.Event().wait()


class Inbox:
    """aiosmtpd's handler: accepts any recipient and stores each message once."""

    def __init__(self, control: Path, maildir: Path) -> None:
        self._control = control
        self._maildir = mailbox.Maildir(maildir, create=True)

    async def handle_RCPT(  # noqa: N802  the name is aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fault = Fault.read(self._control)
        if address in fault.replies:
            return fault.replies[address]
        if fault.mode == "4xx":
            return "451 4.3.0 Temporary failure, try again later"
        if fault.mode == "5xx":
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Stores the message; afterwards the answer may get lost."""
        fault = Fault.read(self._control)
        if "CONTENT" in fault.replies:
            return fault.replies["CONTENT"]
        message = mailbox.MaildirMessage(envelope.content)
        for recipient in envelope.rcpt_tos:
            message["X-Delivered-To"] = recipient
        self._maildir.add(message)
        log.info("Delivered to %s", ", ".join(envelope.rcpt_tos))
        if fault.accepted_then_drop and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        if fault.mode == "hang-after-accept":
            await _hang()
        return "250 2.0.0 OK: stored"


class Server(SMTP):
    """SMTP that stops responding, or refuses a command, on request."""

    def __init__(self, control: Path, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._control = control
        for verb in ("STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"):
            self._smtp_methods[verb] = functools.partial(self._refuse_or, verb, self._smtp_methods[verb])

    async def _refuse_or(self, verb: str, command: Callable[[str], Awaitable[None]], argument: str) -> None:
        reply = Fault.read(self._control).replies.get(verb)
        if reply is None:
            await command(argument)
        else:
            await self.push(reply)

    async def push(self, status: AnyStr) -> None:
        if Fault.read(self._control).mode == "hang":
            await _hang()
        await super().push(status)


async def serve(folder: Path, port: int, certificate: Path, *, implicit_tls: bool) -> None:
    control = folder / "control.json"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    inbox = Inbox(control, folder / "Maildir")
    user, password = os.environ["SMTP_USER"].encode(), os.environ["SMTP_PASSWORD"].encode()

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any) -> AuthResult:
        right = (
            isinstance(login, LoginPassword)
            and hmac.compare_digest(login.login, user)
            and hmac.compare_digest(login.password, password)
        )
        return AuthResult(success=right and Fault.read(control).mode != "refuse-auth", handled=False)

    def session() -> Server:
        return Server(
            control,
            inbox,
            hostname="localhost",
            ident="Video2MP3 development mail server",
            data_size_limit=_SIZE_LIMIT,
            enable_SMTPUTF8=True,
            tls_context=None if implicit_tls else tls,
            require_starttls=not implicit_tls,
            # aiosmtpd knows only the TLS that it starts itself.
            auth_require_tls=not implicit_tls,
            auth_required=True,
            authenticator=authenticate,
            loop=asyncio.get_running_loop(),
        )

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    server = await loop.create_server(session, "127.0.0.1", port, ssl=tls if implicit_tls else None)
    log.info("Listening on 127.0.0.1:%d", port)
    await stop.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", type=Path, required=True, help="a file with a certificate and its key")
    parser.add_argument("--implicit-tls", action="store_true", help="instead of STARTTLS")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(serve(arguments.folder, arguments.port, arguments.certificate, implicit_tls=arguments.implicit_tls))


if __name__ == "__main__":
    main()
