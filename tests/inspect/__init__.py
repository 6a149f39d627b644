"""Tests of drawing real images."""
