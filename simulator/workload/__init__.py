"""What a guest writes by itself, drawn into arrays: no event a write, and only when looked at.

Pure. ``guests`` says what a workload is; the rest needs NumPy and is imported where one is played.
"""
