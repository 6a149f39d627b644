"""Shares and courses."""
