"""How fast jobs move their bytes: shares of resources, and the way along a disk.

`sharing` divides resources between flows, max-min fairly; `course` is what one job has to move, in
the order of the disk, and how far it is after some time. Both are exact: bytes and nanoseconds are
integers, speeds are fractions, and nothing is rounded before a nanosecond is named.
"""
