"""The command line of a stack, behind ./scripts/local.sh."""

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.stack import ending, environment, supervision
from scripts.stack.program import StackError
from scripts.stack.stack import Stack
from scripts.stack.starting import bring_up
from scripts.stack.state import STACKS, State, locked


def _assignment(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE with a NAME in capitals")
    return name, value


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", text):
        raise argparse.ArgumentTypeError("use lower-case letters, digits and dashes")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="local.sh", description="Runs the whole system on this machine, without containers."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", type=_name, default="dev", help="which stack of this checkout (default: dev)")

    up = commands.add_parser("up", parents=[common], help="start all processes and wait until they are ready")
    up.add_argument("--servers-only", action="store_true", help="only the databases, the broker and the mail server")
    up.add_argument("--provider", action="store_true", help="also start a fake provider of summaries")
    up.add_argument("--reload", action="store_true", help="restart a service when its code under src/ changes")
    up.add_argument("--converters", type=int, metavar="N", help="how many converters (default: 1)")
    up.add_argument(
        "--mongodb-members", type=int, metavar="N", choices=range(1, 8),
        help="how many members MongoDB's replica set has (default: 1); cannot be reduced until the stack is wiped",
    )  # fmt: skip
    up.add_argument(
        "--set", type=_assignment, action="append", default=[], metavar="NAME=VALUE", dest="overrides",
        help="a variable for all services, kept until the stack is wiped",
    )  # fmt: skip
    status = commands.add_parser(
        "status", parents=[common], help="show the processes (exit code 1 if one is not running)"
    )
    status.add_argument("--json", action="store_true", help="for programs")
    logs = commands.add_parser("logs", parents=[common], help="show the processes' output")
    logs.add_argument("service", nargs="?", help="one process instead of all")
    logs.add_argument("-f", "--follow", action="store_true", help="continue until Ctrl-C")
    execute = commands.add_parser("exec", parents=[common], help="run a command with a service's environment")
    execute.add_argument("service")
    execute.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    down = commands.add_parser("down", parents=[common], help="stop the processes that `up` started; keep the data")
    down.add_argument("--wipe", action="store_true", help="remove the data too")
    return parser


def main() -> int:
    arguments = _parser().parse_args()
    path = STACKS / arguments.name / "state.json"
    try:
        return _COMMANDS[arguments.command](path, arguments)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _up(path: Path, arguments: argparse.Namespace) -> int:
    print(f"Starting the stack {arguments.name}...")
    stack = bring_up(
        path,
        servers_only=arguments.servers_only,
        converters=arguments.converters,
        mongodb_members=arguments.mongodb_members,
        overrides=dict(arguments.overrides),
        with_provider=arguments.provider,
        reload=arguments.reload,
        coverage=os.environ.get("V2M_COVERAGE") == "1",
    )
    print(_welcome(stack, servers_only=arguments.servers_only))
    return 0


def _status(path: Path, arguments: argparse.Namespace) -> int:
    stack = Stack(State.load(path))
    rows = _rows(stack)
    print(json.dumps(rows, indent=2) if arguments.json else _table(rows))
    if supervision.process(stack.state) is None and (left := ending.processes(stack.state)):
        print(f"The process manager exited; {len(left)} of its processes are running. Use up or down.", file=sys.stderr)
    return 0 if all(row["state"] == "RUNNING" for row in rows) else 1


def _logs(path: Path, arguments: argparse.Namespace) -> int:
    stack = Stack(State.load(path))
    names = [stack.program(arguments.service).name] if arguments.service else list(stack.programs)
    files = [str(stack.log_path(name)) for name in names if stack.log_path(name).exists()]
    if not files:
        raise StackError("There is no log yet.")
    # -F follows the file name after a rotation.
    os.execvp("tail", ["tail", "-n", "200", *(["-F"] if arguments.follow else []), *files])


def _exec(path: Path, arguments: argparse.Namespace) -> int:
    state, service = State.load(path), arguments.service
    is_command = service in environment.COMMANDS
    own = environment.service(state, service, service) if is_command else Stack(state).program(service).environment
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    if not words:
        raise StackError("A command is missing. For example: ./scripts/local.sh exec auth env")
    variables = dict(os.environ) | dict(own)
    # `down` must not end this command: it belongs to the caller.
    for name in (environment.MARK, "PYTHONSAFEPATH"):
        variables.pop(name, None)
    variables["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    try:
        os.execvpe(words[0], words, variables)
    except OSError as error:
        raise StackError(f"{words[0]} cannot be run: {error.strerror}") from None


def _down(path: Path, arguments: argparse.Namespace) -> int:
    if not path.exists():
        print(f"There is no stack {arguments.name}.")
        return 0
    with locked(path):
        stack = Stack(State.load(path))
        ending.end(stack, keep_data=not arguments.wipe)
        stack.state.supervisor = None
        stack.save()
        if arguments.wipe:
            shutil.rmtree(stack.state.run, ignore_errors=True)
            shutil.rmtree(stack.state.folder)
    print(f"The stack {arguments.name} is down" + (", its data are gone." if arguments.wipe else "."))
    return 0


def _rows(stack: Stack) -> list[dict[str, Any]]:
    """One row a program: name, pid, port, url and state; all are STOPPED when the process manager is not there."""
    running = supervision.process(stack.state) is not None
    rows = []
    for program in stack.programs.values():
        info = stack.describe(program.name) if running else {"statename": "STOPPED", "pid": 0}
        listed = {"name": program.name, "pid": info["pid"] or None, "port": program.port, "url": program.url}
        rows.append({**listed, "state": info["statename"]})
    return rows


def _table(rows: Sequence[dict[str, Any]]) -> str:
    return "\n".join(f"{row['name']:<14} {row['state']:<9} {row['pid'] or '-':>8}  {row['url'] or ''}" for row in rows)


def _welcome(stack: Stack, *, servers_only: bool) -> str:
    names = stack.environment
    gateway = "" if servers_only else f"gateway      {names['GATEWAY_URL']}  (the page and the API)\n"
    return (
        f"{gateway}RabbitMQ     {names['RABBITMQ_MANAGEMENT_URL']}"
        f"  user {names['RABBITMQ_MANAGER_USER']}  password {names['RABBITMQ_MANAGER_PASSWORD']}\n"
        f"mail         {names['MAILDIR']}\nlogs         {stack.state.logs}\nenvironment  {stack.state.path}"
    )


_COMMANDS = {"up": _up, "status": _status, "logs": _logs, "exec": _exec, "down": _down}

if __name__ == "__main__":
    sys.exit(main())
