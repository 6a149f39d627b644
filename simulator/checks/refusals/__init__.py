"""What a host does not tell when it turns a request down: which step led to it, and the way out."""
