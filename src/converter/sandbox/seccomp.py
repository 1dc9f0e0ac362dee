"""A seccomp filter: a thread gives up the system calls by which a program reaches others: https://docs.kernel.org/userspace-api/seccomp_filter.html.

Denied calls fail with EPERM. All others are allowed, because which ones a decoder and the C library need changes with
their versions.
"""

import errno
import platform
import struct
from collections.abc import Iterator

from converter.sandbox.kernel import filter_system_calls

# AUDIT_ARCH_ of linux/audit.h, and the column of the tables below.
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# Numbers from here on are of another interface of x86-64, and would evade the list.
_X32 = 0x40000000

# Numbers of asm/unistd_64.h and asm-generic/unistd.h, which has one call where the older interface has several.
_DENIED: dict[str, tuple[int, int]] = {
    # Network and other connections; io_uring makes system calls that a filter does not see.
    "socket": (41, 198), "socketpair": (53, 199), "io_uring_setup": (425, 425), "mq_open": (240, 180),
    "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190),
    # Other processes: their memory, descriptors, signals, priorities and processors.
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    # The kernel's keys, programs and measurements.
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    # Other views of the file system.
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    # Changes of files that Landlock does not restrict.
    "chmod": (90, 52), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, 55), "lchown": (94, 55), "fchown": (93, 55), "fchownat": (260, 54), "utimensat": (280, 88),
    "utime": (132, 88), "utimes": (235, 88), "futimesat": (261, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
}  # fmt: skip
# Only about the program itself, whose number is 0 here: limits.
_PRLIMIT = (302, 261)
# Without the flags for new namespaces (CLONE_NEW of linux/sched.h). The filter cannot see the flags of clone3; the C
# library uses clone if the kernel does not know clone3.
_CLONE, _NAMESPACES = (56, 220), 0x7E020000
_CLONE3 = (435, 435)

# Instructions of linux/bpf_common.h, and results of linux/seccomp.h.
_LOAD, _IF_EQUAL, _IF_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
# Where `struct seccomp_data` has the number of the call, the interface, and the lower half of the first argument.
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16


def supported() -> bool:
    """Whether the numbers of this machine's system calls are known."""
    return platform.machine() in _MACHINES


def restrict() -> None:
    """Restricts the calling thread, which must have no_new_privs; raises OSError."""
    filter_system_calls(_FILTER)


def _instructions(machine: str) -> Iterator[tuple[int, int, int, int]]:
    """The filter: an operation, how many instructions to skip if it is true or false, and its operand."""
    architecture, column = _MACHINES[machine]
    deny = (_RETURN, 0, 0, _FAIL | errno.EPERM)
    yield _LOAD, 0, 0, _ARCHITECTURE
    yield _IF_EQUAL, 1, 0, architecture
    yield deny
    yield _LOAD, 0, 0, _NUMBER
    yield _IF_LEAST, 0, 1, _X32
    yield deny
    for numbers in _DENIED.values():
        yield _IF_EQUAL, 0, 1, numbers[column]
        yield deny
    yield _IF_EQUAL, 0, 1, _CLONE3[column]
    yield _RETURN, 0, 0, _FAIL | errno.ENOSYS
    yield _IF_EQUAL, 0, 4, _CLONE[column]
    yield _LOAD, 0, 0, _FIRST
    yield _IF_ANY_BIT, 0, 1, _NAMESPACES
    yield deny
    yield _RETURN, 0, 0, _ALLOW
    yield _IF_EQUAL, 0, 3, _PRLIMIT[column]
    yield _LOAD, 0, 0, _FIRST
    yield _IF_EQUAL, 1, 0, 0
    yield deny
    yield _RETURN, 0, 0, _ALLOW


_FILTER = b"".join(struct.pack("=HBBI", *one) for one in _instructions(platform.machine())) if supported() else b""
