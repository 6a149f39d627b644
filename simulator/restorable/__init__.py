"""What can be restored, asked in one place by rules, tables, pictures, pages and comparisons.

A state of a disk is a node, and a backup leads from every state on which its content gives a state
that the guest saw. `graph` knows states and backups, and no run; `history` reads both off the
record of a run; `keeping` chooses which backups may go.
"""
