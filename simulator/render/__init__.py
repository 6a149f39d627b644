"""What a person or a program gets to see: figures, reports, the run document."""
