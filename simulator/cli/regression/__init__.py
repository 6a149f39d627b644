"""The regression check on the command line: ``record`` writes a baseline, ``compat`` compares."""
