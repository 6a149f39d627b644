"""Scenarios that go on from real images."""
