"""Landlock: a thread gives up all files except some, TCP, and signals to others: https://docs.kernel.org/userspace-api/landlock.html.

It also hides other processes: of those outside, /proc shows nothing that needs the right to trace them.
"""

import os
import struct
from collections.abc import Mapping
from enum import IntFlag
from pathlib import Path

from converter.sandbox.kernel import system_call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1  # a flag of the first call: returns the version of the interface
_PATH_BENEATH = 1


class Access(IntFlag):
    """Rights to files: LANDLOCK_ACCESS_FS_ of linux/landlock.h."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    MAKE_REG = 1 << 8
    TRUNCATE = 1 << 14


# The number of rights by version: those that are not granted are given up.
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_LATEST_RIGHTS = 16
# What a rule about a single file may contain.
_OF_FILES = Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE
# BIND_TCP and CONNECT_TCP, from version 4; ABSTRACT_UNIX_SOCKET and SIGNAL, from version 6.
_TCP, _SCOPES = 0b11, 0b11


def version() -> int:
    """The version of the kernel's interface; 0 without Landlock, or where a container runtime denies it."""
    try:
        return system_call("landlock", _CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(allowed: Mapping[Path, Access]) -> None:
    """Restricts the calling thread to these files and folders; those that do not exist are ignored.

    The thread must have no_new_privs. Raises OSError.
    """
    known = version()
    rights = Access((1 << _RIGHTS.get(known, _LATEST_RIGHTS)) - 1)
    given_up = struct.pack("=QQQ", rights, _TCP if known >= 4 else 0, _SCOPES if known >= 6 else 0)
    # `struct landlock_ruleset_attr` has grown with the versions.
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    ruleset = system_call("landlock_create_ruleset", _CREATE_RULESET, given_up, size, 0)
    try:
        for path, access in allowed.items():
            _allow(ruleset, path, access & rights)
        system_call("landlock_restrict_self", _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, access: Access) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = struct.pack("=Qi", access if path.is_dir() else access & _OF_FILES, beneath)
        system_call("landlock_add_rule", _ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(beneath)
