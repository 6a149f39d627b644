"""Scenarios held against the real QEMU and libvirt: the only part that starts processes."""
