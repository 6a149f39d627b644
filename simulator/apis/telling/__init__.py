"""Models in words: what one does, how two differ, and what a proposal is made of."""
