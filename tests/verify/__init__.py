"""Tests of playing timelines on a real QEMU, and of exporting them as scripts."""
