"""Reads what is held: a folder of virtnbdbackup, documents of libvirt, what was pasted."""
