"""What of a file only a run can tell to be a mistake."""
