"""Pictures, pages and what they are laid out as."""
