"""Calls of the kernel for which Python has no function: prctl(2), and system calls by their number."""

import ctypes
import os

_SET_DUMPABLE, _SET_SECCOMP, _SET_NO_NEW_PRIVS = 4, 22, 38
_FILTER = 2

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def system_call(name: str, number: int, *arguments: int | bytes | None) -> int:
    """Its result; raises OSError with its name."""
    longs = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return _checked(name, _libc.syscall(ctypes.c_long(number), *longs))


def give_up_new_privileges() -> None:
    """Programs that the calling thread starts get no privileges from set-user-ID bits; seccomp and Landlock need it."""
    _prctl("no_new_privs", _SET_NO_NEW_PRIVS, 1)


def filter_system_calls(instructions: bytes) -> None:
    """Applies a seccomp filter of 8-byte instructions (`struct sock_filter`) to the calling thread; raises OSError."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    program = Program(len(instructions) // 8, instructions)
    _prctl("seccomp", _SET_SECCOMP, _FILTER, ctypes.addressof(program))


def forbid_tracing() -> None:
    """Makes this process's entries in /proc, such as its environment and memory, unreadable for its own user.

    Debuggers and core dumps do not work any more. Programs that it starts are not affected.
    """
    _prctl("dumpable", _SET_DUMPABLE, 0)


def _prctl(name: str, *arguments: int) -> None:
    padded = [*arguments, *([0] * (5 - len(arguments)))]
    _checked(name, _libc.prctl(*(ctypes.c_ulong(one) for one in padded)))


def _checked(name: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result
