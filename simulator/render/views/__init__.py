"""Views: each lays out a run, or one instant of it, as a drawing. None of them draws itself."""
