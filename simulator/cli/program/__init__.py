"""The program as typer is told of it, and what starts without typer."""
