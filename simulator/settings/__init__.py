"""What a project has settled for all runs of the program: its configuration, read and judged."""
