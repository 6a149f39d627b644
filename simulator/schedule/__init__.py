"""Time as people write it: durations, calendars, cron, and names that count repetitions.

Pure, and the only door to cronsim and to the zones of the world. Nothing here is imported where a
scenario asks for no time.
"""
