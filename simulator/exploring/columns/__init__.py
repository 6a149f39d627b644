"""Clusters as columns: what one cluster holds in each image, bitmap and backup, side by side.

Where granularity and copy unit are one cluster, a request does the same to each cluster. `formulas`
plays it on names of cells in place of cells, `shapes` parts a machine into what is the same for all
clusters and the cells of one, and `programs` works out the formulas for many columns at a time.
"""
