"""The configuration that is in force."""
