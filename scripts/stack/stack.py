"""Controls the programs of one stack, for scripts and tests."""

import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psutil

from scripts.stack import environment, mongodb, mysql, ports, rabbitmq, servers, services, supervision
from scripts.stack.program import Program, StackError
from scripts.stack.state import State, Variant, locked
from scripts.stack.supervision import IgnorableFault, call

# http://supervisord.org/subprocess.html#process-states: it ended too quickly too often.
_FATAL = 200
# The states that a program leaves only on request.
_ENDED = {"STOPPED", "FATAL"}
_STOPPING = "STOPPING"
# Seconds between two checks of a program that is not ready yet.
_PAUSE = 0.2


class Stack:
    """A stack that exists; see `./scripts/local.sh --help`."""

    def __init__(self, state: State) -> None:
        self.state = state

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """The stack of the file `path` (its `state.json`). Raises StackError when there is none."""
        return cls(State.load(Path(path).resolve()))

    @property
    def environment(self) -> dict[str, str]:
        return environment.complete(self.state)

    @property
    def programs(self) -> dict[str, Program]:
        """All programs by name, servers first, in the order in which they start."""
        state = self.state
        found = [mysql.program(state), rabbitmq.epmd(state), rabbitmq.program(state)]
        found += [*mongodb.programs(state), servers.mailserver(state)]
        if state.provider:
            found.append(servers.provider(state))
        return {program.name: program for program in [*found, *services.programs(state)]}

    def program(self, name: str) -> Program:
        try:
            return self.programs[name]
        except KeyError:
            raise StackError(f"There is no program {name}. There are: {', '.join(self.programs)}.") from None

    def url(self, name: str) -> str:
        """Where the program listens; a worker's is that of its health routes."""
        url = self.program(name).url
        if url is None:
            raise StackError(f"{name} has no address.")
        return url

    def describe(self, name: str) -> dict[str, Any]:
        """What the process manager knows: `statename`, `pid`, `spawnerr`, … (getProcessInfo of its API)."""
        answer: dict[str, Any] | None = self._call("getProcessInfo", name, ignored=IgnorableFault.UNKNOWN)
        return answer or {"statename": "STOPPED", "pid": 0, "state": 0}

    def pid(self, name: str) -> int:
        """The process id. Raises StackError when the program does not run."""
        pid = int(self.describe(name)["pid"])
        if not pid:
            raise StackError(f"{name} does not run.")
        return pid

    def pids(self) -> dict[str, int]:
        return {info["name"]: info["pid"] for info in self._call("getAllProcessInfo") if info["pid"]}

    def kill(self, name: str, signal_number: int = signal.SIGKILL) -> int:
        """Sends a signal to the program, which is started again; SIGKILL ends its children too, as in a container."""
        process = psutil.Process(self.pid(name))
        children = process.children(recursive=True) if signal_number == signal.SIGKILL else []
        process.send_signal(signal_number)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        return process.pid

    def start(self, name: str) -> None:
        self._call("startProcess", name, False, ignored=IgnorableFault.RUNNING)

    def stop(self, name: str) -> None:
        """Stops the program and waits for its end; killed if it takes longer than Kubernetes would allow it."""
        deadline = time.monotonic() + self.program(name).stop_seconds + 30
        while (state := self.describe(name)["statename"]) not in _ENDED:
            # Repeatedly: a program that was just killed is neither running nor stopped, but about to be started.
            if state != _STOPPING:
                self._call("stopProcess", name, False, ignored=IgnorableFault.NOT_RUNNING)
            if time.monotonic() > deadline:
                raise StackError(f"{name} does not end. Its last lines:\n{self.tail(name)}")
            time.sleep(_PAUSE)

    def stop_all(self, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(self.stop, names))

    def restart(self, name: str, env: Mapping[str, str] | None = None, timeout: float = 60) -> None:
        """Stops, starts and waits for readiness; `env` replaces the variables that were set before."""
        self.program(name)
        self.stop(name)
        changed: list[str] = []
        if env is not None:
            with self._changed():
                like = self.state.variants[name].like if name in self.state.variants else name
                self.state.variants[name] = Variant(like=like, env=dict(env))
                changed = supervision.write(self.state, services.group(self.state, name, like))
        for one in changed:
            self.stop(one)
        for one in {*changed, name}:
            self.start(one)
        self.wait_ready(name, timeout)

    def wait_ready(self, name: str, timeout: float = 60) -> None:
        """Returns when the program is ready. Raises StackError with its last log lines after `timeout` seconds."""
        program = self.program(name)
        deadline = time.monotonic() + timeout
        reason = "it does not run"
        while True:
            info = self.describe(name)
            if info["state"] == _FATAL:
                raise StackError(f"{name} exits immediately after each start. Its last lines:\n{self.tail(name)}")
            if info["pid"]:
                try:
                    program.check()
                except Exception as error:  # noqa: BLE001  each server's client raises its own kinds
                    reason = str(error) or type(error).__name__
                else:
                    return
            if time.monotonic() > deadline:
                raise StackError(
                    f"{name} was not ready in {timeout:.0f} s: {reason}. Its last lines:\n{self.tail(name)}"
                )
            time.sleep(_PAUSE)

    def log_path(self, name: str) -> Path:
        return self.state.logs / f"{name}.log"

    def log(self, name: str) -> str:
        """The program's output since its log was last rotated."""
        path = self.log_path(name)
        return path.read_text(errors="replace") if path.exists() else ""

    def tail(self, name: str, lines: int = 30) -> str:
        return "\n".join(f"  {line}" for line in self.log(name).splitlines()[-lines:])

    def add(
        self, name: str, like: str = "converter", env: Mapping[str, str] | None = None, timeout: float = 60
    ) -> None:
        """Starts one more program that runs the code of the service `like`, and waits until it is ready."""
        if like not in services.COMMANDS:
            raise StackError(f"{like} is not a service. There are: {', '.join(services.COMMANDS)}.")
        with self._changed():
            for port in environment.ports(name, like):
                if port not in self.state.ports:
                    self.state.ports[port] = ports.choose(1, self.state.ports.values())[0]
            self.state.variants[name] = Variant(like=like, env=dict(env or {}))
            # Before anything can fail, so that it can be removed.
            self.save()
            programs = services.group(self.state, name, like)
            supervision.write(self.state, programs)
            self.register([program.name for program in programs])
        for program in programs:
            self.start(program.name)
        self.wait_ready(name, timeout)

    def remove(self, name: str) -> None:
        """Stops a program that was added and forgets it."""
        if name in services.COMMANDS or name not in self.state.variants:
            raise StackError(f"{name} was not added to the stack.")
        names = [program.name for program in services.group(self.state, name, self.state.variants[name].like)]
        self.stop_all(names)
        with self._changed():
            for one in names:
                self._call("removeProcessGroup", one)
                path = supervision.specification_path(self.state, one)
                path.unlink()
                path.with_suffix(".conf").unlink()
            del self.state.variants[name]

    def register(self, names: Iterable[str]) -> None:
        """Makes the process manager know these programs as they are configured now. The caller holds the lock."""
        self._call("reloadConfig")
        for name in names:
            self._call("addProcessGroup", name, ignored=IgnorableFault.KNOWN)

    def save(self) -> None:
        self.state.save(self.environment)

    @contextmanager
    def _changed(self) -> Iterator[None]:
        """Holds the lock, loads the state, to be changed inside, and saves it.

        The programs' files are changed inside too: the process manager reads all of them each time.
        """
        with locked(self.state.path):
            self.state = State.load(self.state.path)
            yield
            self.save()

    def _call(self, method: str, *arguments: Any, ignored: IgnorableFault | None = None) -> Any:
        return call(self.state, method, *arguments, ignored=ignored)
