"""Brings a stack up: servers with their accounts, then the services, each waited for."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.stack import certificates, ending, environment, ports, services, supervision
from scripts.stack.program import Program, StackError, run
from scripts.stack.stack import Stack
from scripts.stack.state import State, Variant, locked, socket_folder

# Seconds until everything answers; some of them on an idle machine, more on one that starts other stacks too.
_DEADLINE = 180


def bring_up(
    path: Path,
    *,
    servers_only: bool = False,
    converters: int | None = None,
    mongodb_members: int | None = None,
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
        if mongodb_members is not None:
            _add_mongodb_members(stack.state, mongodb_members)
        stack.save()
        certificates.make(stack.state)
        deadline = time.monotonic() + _DEADLINE
        changed = supervision.write(stack.state, stack.programs.values())
        if supervision.process(stack.state) is None:
            stack.state.supervisor = supervision.start(stack.state)
            stack.save()
        else:
            stack.stop_all([name for name in changed if not stack.program(name).is_server])
        stack.register(stack.programs)
        programs = stack.programs
        # RabbitMQ registers at epmd when it starts.
        _start(stack, programs["epmd"], deadline, report)
        servers = [program for name, program in programs.items() if program.is_server and name != "epmd"]
        _start_all(stack, servers, deadline, report)
        _migrate(stack, report)
    if not servers_only:
        for name in _surplus_converters(stack.state, converters):
            stack.remove(name)
        others = [program for program in stack.programs.values() if not program.is_server]
        _start_all(stack, others, deadline, report)
    return stack


def _migrate(stack: Stack, report: Callable[[str], None]) -> None:
    """Brings the databases to what this release stores, as the Jobs of the cluster do before a rollout."""
    for package in services.MIGRATIONS:
        run([sys.executable, "-m", package], environment.service(stack.state, package, package))
    report("  the databases are up to date")


def _state(path: Path) -> State:
    """The stack's state, prepared for a start: its folders exist and its ports are free."""
    state = State.load(path) if path.exists() else State.create(path)
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


def _add_mongodb_members(state: State, count: int) -> None:
    """Members are added only: those that remained of a larger set might have no majority."""
    state.mongodb_members = max(state.mongodb_members, count)
    for name in state.mongodb_names:
        if name not in state.ports:
            state.ports[name] = ports.choose(1, state.ports.values())[0]


def _surplus_converters(state: State, count: int | None) -> list[str]:
    """The converters that an earlier start added and this one does not need; with None, there are none."""
    numbered = {name: name.removeprefix("converter-") for name in state.variants}
    return [name for name, number in numbered.items() if number.isdecimal() and count and int(number) > count]


def _start_all(stack: Stack, programs: Iterable[Program], deadline: float, report: Callable[[str], None]) -> None:
    """Starts programs at the same time. Raises one StackError for all failures."""
    failures = []
    with ThreadPoolExecutor(max_workers=8) as pool:
        for future in [pool.submit(_start, stack, program, deadline, report) for program in programs]:
            try:
                future.result()
            except StackError as error:
                failures.append(str(error))
    if failures:
        raise StackError("\n".join(failures))


def _start(stack: Stack, program: Program, deadline: float, report: Callable[[str], None]) -> None:
    started = time.monotonic()
    program.prepare()
    stack.start(program.name)
    stack.wait_ready(program.name, max(1.0, deadline - time.monotonic()))
    report(f"  {program.name} answers ({time.monotonic() - started:.1f} s)")
