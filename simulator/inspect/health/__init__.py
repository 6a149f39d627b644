"""What is unhealthy about real chains."""
