"""Settings from files: `NAME_FILE` is the path of a secret, SECRETS_DIR a folder with a file `NAME` for each setting.

The environment of a process can be read by others, and is passed on to its children; a mounted Secret is neither. The
variable `NAME` itself is used first, then `NAME_FILE`, then SECRETS_DIR. A file's last line feed is not part of the
value.
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError


class SecretFiles(PydanticBaseSettingsSource):
    """Raises SettingsError, which has the variable and never the value."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        for name in _names(field, field_name):
            value = self._from_variable(name.upper()) if is_secret(field) else None
            value = value or self._from_folder(name.upper())
            if value:
                return value, name, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = (self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items())
        return {name: value for value, name, _ in found if value is not None}

    def _from_variable(self, name: str) -> str | None:
        path = os.environ.get(f"{name}_FILE")
        if not path:
            return None
        if os.environ.get(name):
            raise SettingsError(f"{name} and {name}_FILE are both set. Keep one of them.")
        return _read(f"{name}_FILE", Path(path))

    def _from_folder(self, name: str) -> str | None:
        folder = os.environ.get("SECRETS_DIR")
        if not folder:
            return None
        if not Path(folder).is_dir():
            raise SettingsError(f"SECRETS_DIR: {folder} is not a folder.")
        path = Path(folder) / name
        return _read("SECRETS_DIR", path) if path.is_file() else None


def is_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))


def erase_secrets(settings: BaseSettings) -> None:
    """Removes the secrets that `settings` has from the environment, where the kernel shows it in /proc too.

    Call it once, before threads start.
    """
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    for field_name, field in type(settings).model_fields.items():
        for name in _names(field, field_name) if is_secret(field) else ():
            value = os.environb.get(name.upper().encode())
            if value is not None:
                # The kernel shows the memory in which it put the variables when the process started.
                ctypes.memset(libc.getenv(name.upper().encode()), 0, len(value))
                del os.environ[name.upper()]


def _names(field: FieldInfo, name: str) -> Iterable[str]:
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [name]


def _read(variable: str, path: Path) -> str:
    try:
        return path.read_text().removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(f"{variable}: {path} cannot be read: {reason}") from error
