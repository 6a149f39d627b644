"""What backups of changes claim, what they lack of it, and which step is to blame.

`stretches` holds each backup against what the guest changed, `reverts` each revert against the
state of its snapshot; `faults` gives each wrong backup to one rule; `steps` finds the step that
left a hole.
"""
