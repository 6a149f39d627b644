"""What backups of changes claim, what they lack of it, and which step is to blame.

`stretches` holds each backup against what the guest changed; `faults` gives each wrong one to one
rule; `steps` finds the step that left a hole.
"""
