"""What jobs copy: which clusters together, and what a target holds by that."""
