"""Exploring: the search, its proofs and its scenarios."""
