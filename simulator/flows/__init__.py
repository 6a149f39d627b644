"""How fast jobs move their bytes: shares of resources, and the way along a disk.

`sharing` divides resources between flows, max-min fairly; `course` is what one job has to move, in
the order of the disk, and how far it is after some time; `lanes` are jobs that are always equally
fast, and `traffic` is all that is under way. All are exact: bytes and nanoseconds are integers, and
a speed is a whole number of tiny parts of a byte.
"""
