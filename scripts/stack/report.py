"""What a person reads about a stack."""

from collections.abc import Sequence
from typing import Any

from scripts.stack import supervision
from scripts.stack.stack import Stack


def status(stack: Stack) -> list[dict[str, Any]]:
    """One row a program: name, pid, port, url and state; all are STOPPED when the process manager is not there."""
    running = supervision.process(stack.state) is not None
    rows = []
    for program in stack.programs.values():
        info = stack.describe(program.name) if running else {"statename": "STOPPED", "pid": 0}
        rows.append(
            {
                "name": program.name,
                "pid": info["pid"] or None,
                "port": program.port,
                "url": program.url,
                "state": info["statename"],
            }
        )
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows for a terminal."""
    return "\n".join(f"{row['name']:<14} {row['state']:<9} {row['pid'] or '-':>8}  {row['url'] or ''}" for row in rows)


def welcome(stack: Stack, *, servers_only: bool) -> str:
    """Where everything is, and the one account that a person needs."""
    names = stack.environment
    lines = []
    if not servers_only:
        lines.append(f"gateway      {names['GATEWAY_URL']}  (the page and the API)")
    lines += [
        (
            f"RabbitMQ     {names['RABBITMQ_MANAGEMENT_URL']}"
            f"  user {names['RABBITMQ_USER']}  password {names['RABBITMQ_PASSWORD']}"
        ),
        f"mail         {names['MAILDIR']}",
        f"logs         {stack.state.logs}",
        f"environment  {stack.state.path}",
    ]
    return "\n".join(lines)
