"""Brings a stack up: servers with their accounts, then the services, each waited for."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.stack import ending, fake_servers, mongodb, mysql, ports, rabbitmq, supervision
from scripts.stack.program import StackError
from scripts.stack.stack import Stack
from scripts.stack.state import SECRETS, State, Variant, locked, socket_folder

# Seconds until everything answers.
_DEADLINE = 90

_Step = Callable[[], None]


def bring_up(
    path: Path,
    *,
    servers_only: bool = False,
    converters: int | None = None,
    overrides: Mapping[str, str] | None = None,
    coverage: bool = False,
    with_provider: bool = False,
    reload: bool = False,
    report: Callable[[str], None] = print,
) -> Stack:
    """Starts whatever of the stack of the file `path` does not run yet, and returns when everything answers.

    Raises StackError, with the last log lines of what failed.
    """
    with locked(path):
        stack = Stack(_state(path))
        stack.state.overrides |= overrides or {}
        stack.state.coverage |= coverage
        stack.state.provider |= with_provider
        stack.state.reload |= reload
        if converters is not None:
            _set_converters(stack.state, converters)
        stack.save()
        deadline = time.monotonic() + _DEADLINE
        changed = supervision.write(stack.state, stack.programs.values())
        if supervision.process(stack.state) is None:
            stack.state.supervisor = supervision.start(stack.state)
            stack.save()
        else:
            stack.stop_all([name for name in changed if not stack.program(name).is_server])
        stack.register(stack.programs)
        _start_servers(stack, deadline, report)
    if not servers_only:
        for name in _surplus_converters(stack.state, converters):
            stack.remove(name)
        names = [program.name for program in stack.programs.values() if not program.is_server]
        _together([lambda name=name: _start(stack, name, deadline, report) for name in names])  # type: ignore[misc]
    return stack


def _state(path: Path) -> State:
    """The stack's state, prepared for a start: its folders exist and its ports are free."""
    state = State.load(path) if path.exists() else State.create(path)
    # A stack of an older version may lack some.
    for name in SECRETS:
        state.secrets.setdefault(name, secrets.token_urlsafe(32))
    if supervision.process(state) is None:
        # The manager may have been killed, or the machine restarted.
        ending.end_leftovers(state)
        state.supervisor = None
        if not Path(state.run).is_dir():
            state.run = str(socket_folder(state.folder))
        for name, port in state.ports.items():
            if not ports.is_free(port):
                state.ports[name] = ports.choose(1, state.ports.values())[0]
    for folder in (state.logs, state.tmp, state.folder / "home"):
        folder.mkdir(mode=0o700, exist_ok=True)
    return state


def _set_converters(state: State, count: int) -> None:
    for number in range(2, count + 1):
        name = f"converter-{number}"
        if name not in state.variants:
            state.variants[name] = Variant(like="converter")
            state.ports[name] = ports.choose(1, state.ports.values())[0]


def _surplus_converters(state: State, count: int | None) -> list[str]:
    """The converters that an earlier start added and this one does not need; with None, there are none."""
    numbered = {name: name.removeprefix("converter-") for name in state.variants}
    return [name for name, number in numbered.items() if number.isdecimal() and count and int(number) > count]


def _start_servers(stack: Stack, deadline: float, report: Callable[[str], None]) -> None:
    state = stack.state

    def start_mysql() -> None:
        mysql.prepare(state)
        _start(stack, "mysql", deadline, report)
        mysql.initialise(state)

    def start_rabbitmq() -> None:
        rabbitmq.prepare(state)
        _start(stack, "epmd", deadline, report)
        _start(stack, "rabbitmq", deadline, report)

    def start_mongodb() -> None:
        mongodb.prepare(state)
        stack.start("mongodb")
        mongodb.initialise(state, timeout=deadline - time.monotonic())
        _start(stack, "mongodb", deadline, report)

    def start_mailserver() -> None:
        fake_servers.prepare_mail(state)
        _start(stack, "mailserver", deadline, report)

    def start_provider() -> None:
        if state.provider:
            fake_servers.prepare_provider(state)
            _start(stack, "provider", deadline, report)

    _together([start_mysql, start_rabbitmq, start_mongodb, start_mailserver, start_provider])


def _start(stack: Stack, name: str, deadline: float, report: Callable[[str], None]) -> None:
    started = time.monotonic()
    stack.start(name)
    stack.wait_ready(name, max(1.0, deadline - time.monotonic()))
    report(f"  {name} answers ({time.monotonic() - started:.1f} s)")


def _together(steps: Iterable[_Step]) -> None:
    """Does all steps at once and raises what went wrong, all of it in one StackError."""
    failures = []
    with ThreadPoolExecutor(max_workers=8) as pool:
        for future in [pool.submit(step) for step in steps]:
            try:
                future.result()
            except StackError as error:
                failures.append(str(error))
    if failures:
        raise StackError("\n".join(failures))
