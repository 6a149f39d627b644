"""Real QEMUs and libvirts at work: the only part that starts processes."""
