"""What stands on what, what is wrong, and the codes under which it is told."""
