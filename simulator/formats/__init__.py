"""Findings in the formats that people, services and programs read. Pure, and loaded when asked for.

Commands make reports of what they found (`values`); each format is a module that writes them.
"""
