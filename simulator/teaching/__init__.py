"""Teaching: a row of a figure to predict, why each cell is as it is, and instants to leaf through.

Nothing here knows an answer of its own: every row and every reason is read off a recorded timeline.
"""
