"""Enumerations whose stored values a newer release may extend: two releases run together during an update."""

from enum import StrEnum
from typing import Self


class OpenStrEnum(StrEnum):
    """Takes any text: one that is no member is shown as it is, and is equal to no member."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = unknown._value_ = value
        return unknown

    @property
    def known(self) -> bool:
        """Whether this release has the value."""
        return type(self).__members__.get(self.name) is self
