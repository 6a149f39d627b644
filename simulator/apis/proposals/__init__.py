"""API models from elsewhere: how they are loaded and watched, and the file that one starts from."""
