"""The same scenarios under several semantics: what differs, and what a change would break. Pure.

Everything here reads run documents, so a baseline that was recorded last year can be held against
what the program gives today.
"""
