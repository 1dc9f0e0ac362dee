"""List, create and revoke API keys."""

import json
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from video2mp3.commands.parameters import AsJson, signed_in
from video2mp3.display import console, emit, plain

app = typer.Typer(
    help="""List, create and revoke API keys, with which programs sign in.

    Examples:

        video2mp3 keys create backup --scope read --expires-in-days 90

        video2mp3 keys list
    """,
    no_args_is_help=True,
)
Id = Annotated[str, typer.Argument(metavar="ID", help="The id of a key, see `video2mp3 keys list`.")]


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"
    CONVERT = "convert"
    ALL = "all"


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List your API keys, oldest first. Only their first characters are known.

    Examples:

        video2mp3 keys list

        video2mp3 keys list --json
    """
    found = signed_in().keys()
    if as_json:
        emit(json.dumps(found, ensure_ascii=False))
        return
    if not found:
        emit("There are no API keys. Create one: video2mp3 keys create backup --scope read")
        return
    columns = (
        Column("Id", no_wrap=True),
        "Name",
        "Scope",
        Column("Key", no_wrap=True),
        "Created",
        "Expires",
        "Last used",
    )
    table = Table(*columns)
    for key in found:
        moments = (_date(key[name]) for name in ("created_at", "expires_at", "last_used_at"))
        table.add_row(key["id"], plain(key["name"]), key["scope"], f"{key['prefix']}…", *moments)
    Console(markup=False).print(table)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Where the key is used: you recognise it by this name.")],
    scope: Annotated[
        Scope,
        typer.Option(
            help="read: list and download. convert: also upload, convert again, cancel and summarise. "
            "all: also delete, list and revoke keys."
        ),
    ],
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="When the key ends by itself (default: never).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key and print it. It is not shown again.

    Sign in with the password first: no API key creates keys.

    Examples:

        video2mp3 keys create backup --scope read --expires-in-days 90

        video2mp3 keys create "build server" --scope convert > key.txt
    """
    created = signed_in().create_key(name, scope.value, expires_in_days)
    console.print("Store the API key now: it is not shown again.", markup=False)
    emit(json.dumps(created, ensure_ascii=False) if as_json else created["key"])


@app.command()
def revoke(key_id: Id) -> None:
    """Revoke an API key. It ends within 10 seconds.

    Example:

        video2mp3 keys revoke 1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9
    """
    signed_in().revoke_key(key_id)


def _date(moment: str | None) -> str:
    return moment[:16].replace("T", " ") if moment else "–"
