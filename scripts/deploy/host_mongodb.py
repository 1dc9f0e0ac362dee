"""Prepares the machine's own MongoDB: accounts that work from the cluster only, authentication, an address."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.deploy import programs
from scripts.deploy.errors import DeployError
from scripts.deploy.host_files import FileChange, read
from scripts.deploy.host_network import HostNetwork

_ADMIN = "video2mp3-admin"
_FILES = [{"role": "readWrite", "db": "videos"}, {"role": "readWrite", "db": "mp3s"}]
# As manifests/mongodb/accounts.js gives them.
_ROLES: Mapping[str, list[dict[str, str]]] = {
    "gateway": [*_FILES, {"role": "readWrite", "db": "limits"}],
    "converter": _FILES,
    "notification": [{"role": "readWrite", "db": "videos"}],
    "summary": [{"role": "readWrite", "db": "videos"}, {"role": "read", "db": "mp3s"}],
}


class HostMongoDB:
    """The server, as it is reached from this machine."""

    def __init__(self, network: HostNetwork, credentials: Mapping[str, str]) -> None:
        self._network = network
        self._credentials = credentials

    def check(self) -> None:
        """Raises DeployError when there is no server to prepare."""
        try:
            self._ask("db.adminCommand({ping: 1})", login=False)
        except DeployError as error:
            complaint = error.complaint if isinstance(error, programs.ProgramFailed) else str(error)
            raise DeployError(
                f"MongoDB on this machine does not answer mongosh ({complaint}). Install and start both"
                " (https://www.mongodb.com/docs/manual/administration/install-on-linux/), then try again."
            ) from None

    def describe(self) -> Iterator[str]:
        """What `apply` does."""
        yield f"MongoDB: the account {_ADMIN}, which administers it from this machine"
        sources = ", ".join(str(source) for source in self._network.sources)
        yield f"MongoDB: the accounts {', '.join(_ROLES)}, which work from {sources} only"

    def apply(self) -> None:
        """Safe to repeat: before and after authentication is asked for."""
        root = self._credentials["MONGO_INITDB_ROOT_PASSWORD"]
        sources = ["127.0.0.1", *(str(source) for source in self._network.sources)]
        accounts = [
            {"user": user, "pwd": self._credentials[f"MONGODB_{user.upper()}_PASSWORD"], "roles": roles,
             "authenticationRestrictions": [{"clientSource": sources}]}
            for user, roles in _ROLES.items()
        ]  # fmt: skip
        administrator = {
            "user": _ADMIN, "pwd": root, "roles": [{"role": "root", "db": "admin"}],
            "authenticationRestrictions": [{"clientSource": ["127.0.0.1"]}],
        }  # fmt: skip
        script = "".join(_account(each) for each in (administrator, *accounts))
        self._ask(script, login=self._asks_for_a_password())

    def _asks_for_a_password(self) -> bool:
        try:
            self._ask("db.getSiblingDB('admin').getUsers()", login=False)
        except DeployError:
            return True
        return False

    def _ask(self, script: str, *, login: bool) -> None:
        """Runs statements in one line: mongosh goes on after an error, and ends well, when it reads a pipe."""
        if login:
            password = json.dumps(self._credentials["MONGO_INITDB_ROOT_PASSWORD"])
            script = f"db.getSiblingDB('admin').auth({json.dumps(_ADMIN)}, {password}); {script}"
        line = f"try {{ {script}; print('al' + 'l done') }} catch (error) {{ print('it says: ' + error.message) }}\n"
        # By standard input: arguments can be seen by every user.
        answer = programs.output(["mongosh", "--quiet", "--norc", "mongodb://127.0.0.1/admin"], given=line)
        if "all done" not in answer:
            raise DeployError(
                f"MongoDB on this machine refuses: {answer.partition('it says: ')[2].strip() or 'no answer'}"
            )

    def listening(self, etc: Path) -> FileChange | None:
        """The configuration with authentication and the cluster's address; None when it is so already."""
        path = etc / "mongod.conf"
        text = read(path)
        if text is None:
            raise DeployError(f"{path} does not exist. Name the folder that has it: --etc FOLDER.")
        bound = _value(text, "net", "bindIp") or "127.0.0.1"
        addresses = [address.strip() for address in bound.strip("\"'[] ").split(",")]
        everywhere = bool({"0.0.0.0", "*", "::"} & set(addresses)) or _value(text, "net", "bindIpAll") == "true"
        if everywhere:
            raise DeployError(
                f"{path}: MongoDB listens on all addresses ({bound}). Set bindIp to 127.0.0.1 (or to what you need"
                " besides the cluster), then try again."
            )
        if self._network.address not in addresses:
            addresses.append(self._network.address)
        changed = _with_value(text, "net", "bindIp", ",".join(addresses))
        changed = _with_value(changed, "security", "authorization", "enabled")
        change = FileChange(path, changed, "MongoDB listens to the cluster too, and asks for a password")
        return None if change.is_done else change


def _account(account: Mapping[str, Any]) -> str:
    user = json.dumps(account["user"])
    changes = json.dumps({key: value for key, value in account.items() if key != "user"})
    return (
        f"if (db.getSiblingDB('admin').getUser({user})) {{ db.getSiblingDB('admin').updateUser({user}, {changes}) }}"
        f" else {{ db.getSiblingDB('admin').createUser({json.dumps(account)}) }}; "
    )


def _block(text: str, section: str) -> re.Match[str] | None:
    """A section of the file and its indented lines."""
    return re.search(rf"^{section}:[ \t]*(?:#.*)?\n((?:(?:[ \t]+.*|#.*|[ \t]*)\n)*)", text, re.MULTILINE)


def _value(text: str, section: str, key: str) -> str | None:
    block = _block(text, section)
    found = re.search(rf"^[ \t]+{key}:[ \t]*(.*?)[ \t]*(?:#.*)?$", block[1], re.MULTILINE) if block else None
    return found[1] if found else None


def _with_value(text: str, section: str, key: str, value: str) -> str:
    """The text with one value changed or added; everything else stays as it is, comments too."""
    text = text if text.endswith("\n") else text + "\n"
    if _value(text, section, key) == value:
        return text
    block = _block(text, section)
    if block is None:
        if re.search(rf"^{section}:", text, re.MULTILINE):
            raise DeployError(
                f"mongod.conf: {section} is written in one line. Write its keys below it, then try again."
            )
        return f"{text}\n{section}:\n  {key}: {value}\n"
    line, start = f"{key}: {value}", block.start(1)
    inside = re.search(rf"^([ \t]+){key}:[^#\n]*?([ \t]*#.*)?$", block[1], re.MULTILINE)
    if inside:
        return text[: start + inside.start()] + inside[1] + line + (inside[2] or "") + text[start + inside.end() :]
    indent = re.search(r"^([ \t]+)\S", block[1], re.MULTILINE)
    return f"{text[:start]}{indent[1] if indent else '  '}{line}\n{text[start:]}"
