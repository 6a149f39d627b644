"""What ``expect`` takes: the rows of figures, and measures of the run."""
