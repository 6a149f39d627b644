"""A libvirt of our own, and the machine that it runs."""
