"""Guests that write by themselves: what a file says of them, and whether there is room for it."""
