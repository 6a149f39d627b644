"""Backup jobs: why one does not start, and what running ones make of the guest's writes."""
