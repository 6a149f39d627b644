"""Tests of playing timelines on a real QEMU and a real libvirt."""
