"""Permissions count in a test whoever runs it: root lays down the right to pass over them."""

import ctypes
import os
import pwd
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

VERSION = 0x20080522
"""Of the structures of ``capget`` and ``capset``. Source: capget(2)."""

PASSED_OVER = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Let the permissions of files count for this thread, as they do for an ordinary user.

    Only rights in effect are laid down, and taken up again at the end. Programs that root starts
    meanwhile have them all.
    """
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(VERSION, 0)
    # Effective, permitted, inheritable: the low halves, and then the high ones.
    held = (ctypes.c_uint32 * 6)()
    if libc.capget(head, held) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    effective, *others = held
    less = (ctypes.c_uint32 * 6)(effective & ~PASSED_OVER, *others)
    if libc.capset(head, less) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    try:
        yield
    finally:
        libc.capset(head, held)


def as_ordinary_user(do: Callable[[], None]) -> None:
    """Do something in a process of ``nobody``'s where root runs the test, else right here.

    It must raise nothing, and find loaded what it needs: that user may not read the checkout.
    """
    if os.geteuid() != 0:
        do()
        return
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            user = pwd.getpwnam("nobody")
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            do()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
