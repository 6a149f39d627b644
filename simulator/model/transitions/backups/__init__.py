"""Backup jobs: why one does not start, what it keeps for its reader, and what it leaves."""
