"""Scenario files: what loads, what does not and where it says so, and the published schema."""
