"""What a real QEMU is sent for each operation, and its words. Pure."""
