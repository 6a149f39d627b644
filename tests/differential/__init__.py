"""Random timelines, played in the simulator and on a real QEMU."""
