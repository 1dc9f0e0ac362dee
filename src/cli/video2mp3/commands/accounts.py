"""Sign in and out."""

import sys
from typing import Annotated

import typer

from video2mp3 import account, api
from video2mp3.account import Account
from video2mp3.commands.parameters import Choice
from video2mp3.display import console
from video2mp3.errors import WrongUsage


def login(
    email: Annotated[str, typer.Option(prompt=True, help="Your email address.")],
    password: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, envvar="VIDEO2MP3_PASSWORD", help="Your password (default: ask for it)."
        ),
    ],
    register: Annotated[bool, typer.Option("--register", help="Create the account first.")] = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Send the password over plain HTTP without asking.")
    ] = False,
) -> None:
    """Sign in. The token is valid for a day and stored in a file that only you can read.

    The server is the one of --server, or the one that you were signed in to before.

    Examples:

        video2mp3 --server https://mp3.example.com login

        video2mp3 --server https://mp3.example.com login --register --email you@example.com
    """
    before = account.stored()
    server = Choice.server or (before.server if before else None)
    if server is None:
        raise WrongUsage("Name the server: video2mp3 --server https://mp3.example.com login", "no_server")
    if not (insecure or account.is_private(server)):
        _confirm_plain_http(server)
    if register:
        api.register(server, email, password)
    account.save(Account(server, email, api.login(server, email, password)))
    console.print(f"Signed in to {server} as {email}.", markup=False)


def logout() -> None:
    """Delete the stored token.

    Example:

        video2mp3 logout
    """
    account.path().unlink(missing_ok=True)


def _confirm_plain_http(server: str) -> None:
    danger = f"{server} does not use HTTPS: others on the network can read your password."
    if not sys.stdin.isatty():
        raise WrongUsage(f"{danger} Use an address with https://, or --insecure.", "plain_http")
    typer.confirm(f"{danger} Continue?", abort=True, err=True)
