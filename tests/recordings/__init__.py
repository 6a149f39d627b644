"""What real QEMU and real libvirt did with the project's timelines, and the tool that records it.

A recording is a file a version, in lines of JSON: the first tells what was recorded, then each
timeline has a line for its name and one for each step. What a step leaves as it was is not told.
``make record`` plays the timelines in ``timelines/`` on what is installed and writes its files.
"""
