"""What can be restored."""
