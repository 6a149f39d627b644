"""All states of small disks, breadth first: `store` keeps them, `levels` makes the next ones of
them, many at a time, and `search` looks for what is wrong on the way.
"""
