"""How commands tell what they found: formats, files, totals, and the exit status."""
