"""Real images as disks, and what is unhealthy about them."""
