"""Reads `.env` with python-dotenv, and knows the variables of the services' settings classes."""

import importlib
import io
import stat
from functools import cache
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from common.runtime.settings import ServerSettings
from scripts.deploy import files
from scripts.deploy.programs import DeployError, say

# Set by the manifests, together with Services, ports, probes, volumes and grace periods.
FIXED = frozenset(
    {
        "AUTH_SVC_ADDRESS", "SUMMARY_SVC_ADDRESS", "HOST", "PORT", "HEALTH_HOST", "HEALTH_PORT", "SHUTDOWN_GRACE",
        "WEB_GRACE", "WORK_FOLDER", "BACKUP_FOLDER", "STOP_AT",  # for tests
    }
)  # fmt: skip


def load(path: Path | None = None) -> dict[str, str]:
    """The variables of `.env`; none when the file does not exist.

    Values are taken literally: nothing is expanded. Raises DeployError that names the line, never its content.
    """
    path = path or files.DOTENV
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DeployError(f"{path.name}, line {line}: invalid UTF-8. Save the file as UTF-8.") from None
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        say(f"note: other users of this machine can read {path.name}. Run: chmod 600 {path.name}")
    return parse(text, path.name)


def parse(text: str, name: str = ".env") -> dict[str, str]:
    """The variables in the order of the text. Raises DeployError."""
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(text)):
        # The parser counts the blank lines before an entry as part of it.
        original = binding.original.string
        line = binding.original.line + original[: len(original) - len(original.lstrip())].count("\n")
        if binding.error or (binding.key is not None and binding.value is None):
            raise DeployError(f"{name}, line {line}: not NAME=value, or a quote that is not closed.")
        if binding.key is None:
            continue
        if binding.key in lines:
            first = lines[binding.key]
            raise DeployError(f"{name}, line {line}: {binding.key} is already set in line {first}. Keep one of them.")
        if "\0" in (binding.value or ""):
            raise DeployError(f"{name}, line {line}: the value of {binding.key} contains a NUL character.")
        values[binding.key], lines[binding.key] = binding.value or "", line
    return values


@cache
def settings() -> dict[str, list[type[BaseSettings]]]:
    """Each service's settings classes, which read their arguments and not this process's environment."""
    found = {}
    for path in sorted(files.SOURCE.glob("*/settings.py")):
        module = importlib.import_module(f"{path.parent.name}.settings")
        classes = [
            each for each in vars(module).values()
            if isinstance(each, type) and issubclass(each, BaseSettings) and each.__module__ == module.__name__
        ]  # fmt: skip
        if (path.parent / "wsgi.py").exists():  # served by gunicorn, whose settings are shared
            classes.append(ServerSettings)
        found[path.parent.name] = [type(each.__name__, (_Arguments, each), {}) for each in classes]
    return found


class _Arguments(BaseSettings):
    @classmethod
    def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        return (sources["init_settings"],)


def variables() -> dict[str, dict[str, FieldInfo]]:
    """Each service's settings by the names of their variables, deprecated names included, without those of `FIXED`."""
    found: dict[str, dict[str, FieldInfo]] = {}
    for service, classes in settings().items():
        fields = [pair for each in classes for pair in each.model_fields.items()]
        names = {name.upper(): field for own, field in fields for name in _names(own, field)}
        found[service] = {name: field for name, field in names.items() if name not in FIXED}
    return found


def _names(name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [name]
