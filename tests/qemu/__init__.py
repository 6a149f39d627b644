"""Tests of what a real QEMU is sent."""
