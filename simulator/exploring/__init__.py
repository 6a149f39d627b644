"""All timelines of a model: the shortest that goes wrong, and proof that none does.

`acts` are the requests that are tried; `columns` plays them on formulas in place of clusters, so
that one answer of the machine stands for all contents of a disk. `searching` looks at all states
of a small disk, breadth first; `proving` at all that one cluster of any disk can come to. What is
found is played again as a scenario, and judged there by content and by the rules.
"""
