"""Values and pure transitions, in the block layer's own terms."""
