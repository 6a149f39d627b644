"""What each operation is on a real QEMU: QMP commands, steps of the guest, files. Pure."""
