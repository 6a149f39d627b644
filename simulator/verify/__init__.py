"""Simulated timelines held against the real QEMU and libvirt: played, looked at, compared."""
