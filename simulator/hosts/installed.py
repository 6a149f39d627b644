"""Which QEMU and which libvirt are installed."""

import functools
import re
import shutil

from simulator.hosts.daemon import PROGRAM
from simulator.hosts.libvirt.libvirtd import DAEMON, find_program
from simulator.hosts.programs import run_within
from simulator.releases.hosts import Host, host_with

SECONDS, BYTES_MAX = 10.0, 1 << 16
"""Bounds of a program that tells its version."""


def installed_host(*, libvirt: bool = False) -> Host | None:
    """Return the known host that what is installed is taken for; None where nothing is.

    Args:
        libvirt: Whether libvirt is asked, too.
    """
    qemu = _version_of(shutil.which(PROGRAM))
    daemon = _version_of(find_program(DAEMON)) if libvirt else ""
    if not qemu or (libvirt and not daemon):
        return None
    return host_with(qemu, daemon)


@functools.cache
def _version_of(path: str | None) -> str:
    """Return the version that a program tells; empty where it is not there, or tells none."""
    if path is None:
        return ""
    try:
        ran = run_within([path, "--version"], seconds=SECONDS, bytes_max=BYTES_MAX)
    except OSError:
        return ""
    found = re.search(r"[0-9]+(?:[.][0-9]+)+", ran.out.decode("utf-8", "replace"))
    return found[0] if found else ""
