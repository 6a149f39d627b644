"""Random timelines of every model, and a judge of what is said of them that knows no rule."""
