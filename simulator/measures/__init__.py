"""What a run comes to, as numbers over time: loss, jobs, resources, stores.

Ticks and bytes are integers and shares fractions: nothing is rounded here.
"""
