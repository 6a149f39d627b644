"""Timelines that somebody looks for: `expressions` what may be asked of a run document, `finding`
the shortest in which it is so."""
