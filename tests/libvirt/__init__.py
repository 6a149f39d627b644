"""Tests of what a real libvirt is sent."""
