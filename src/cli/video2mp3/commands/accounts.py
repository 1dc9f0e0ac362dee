"""Sign in and out."""

import os
import sys
from typing import Annotated

import typer

from video2mp3 import account, api
from video2mp3.account import Account
from video2mp3.api import Api
from video2mp3.commands.parameters import Choice
from video2mp3.display import console
from video2mp3.errors import WrongUsage

# The environment variable with an API key for `login --key`.
KEY = "VIDEO2MP3_KEY"


def login(
    email: Annotated[str | None, typer.Option(help="Your email address (default: ask for it).")] = None,
    password: Annotated[
        str | None, typer.Option(envvar="VIDEO2MP3_PASSWORD", help="Your password (default: ask for it).")
    ] = None,
    key: Annotated[
        bool,
        typer.Option("--key", help="Sign in with an API key: from VIDEO2MP3_KEY, from standard input, or ask for it."),
    ] = False,
    register: Annotated[bool, typer.Option("--register", help="Create the account first.")] = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Send the password or key over plain HTTP without asking.")
    ] = False,
) -> None:
    """Sign in with a password or an API key, which is stored in a file that only you can read.

    After a password, a token is stored instead, which is valid for a day. An API key is valid until it expires or is
    revoked: see `video2mp3 keys`. The server is the one of --server, or the one that you were signed in to before.

    Examples:

        video2mp3 --server https://mp3.example.com login

        video2mp3 --server https://mp3.example.com login --register --email you@example.com

        video2mp3 --server https://mp3.example.com login --key < key.txt
    """
    if key and (register or email is not None):
        raise WrongUsage("An API key needs neither --email nor --register.", "key_with_email")
    before = account.stored()
    server = Choice.server or (before.server if before else None)
    if server is None:
        raise WrongUsage("Name the server: video2mp3 --server https://mp3.example.com login", "no_server")
    if not (insecure or account.is_private(server)):
        _confirm_plain_http(server)
    found = _with_key(server) if key else _with_password(server, email, password, register=register)
    account.save(found)
    console.print(f"Signed in to {server} as {found.email}.", markup=False)


def _with_password(server: str, email: str | None, password: str | None, *, register: bool) -> Account:
    name = email or str(typer.prompt("Email"))
    secret = password or str(typer.prompt("Password", hide_input=True))
    if register:
        api.register(server, name, secret)
    return Account(server, name, api.login(server, name, secret))


def _with_key(server: str) -> Account:
    # Not an option: other users of the machine can read the arguments of a command.
    key = os.environ.get(KEY) or (
        str(typer.prompt("API key", hide_input=True)) if sys.stdin.isatty() else sys.stdin.readline()
    )
    key = key.strip()
    if not (key.isascii() and key.isprintable() and key):
        raise WrongUsage(f"There is no API key in {KEY} or on standard input.", "no_key")
    return Account(server, Api(Account(server, "", key)).email(), key)


def logout() -> None:
    """Delete the stored token or API key. This does not revoke the key.

    Example:

        video2mp3 logout
    """
    account.path().unlink(missing_ok=True)


def _confirm_plain_http(server: str) -> None:
    danger = f"{server} does not use HTTPS: others on the network can read your password or key."
    if not sys.stdin.isatty():
        raise WrongUsage(f"{danger} Use an address with https://, or --insecure.", "plain_http")
    typer.confirm(f"{danger} Continue?", abort=True, err=True)
