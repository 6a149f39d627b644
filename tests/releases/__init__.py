"""Tests of what releases of QEMU and libvirt do differently."""
