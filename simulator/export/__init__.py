"""Timelines as scripts to paste."""
