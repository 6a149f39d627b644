"""What a real libvirt is sent for each request, and its words. Pure."""
