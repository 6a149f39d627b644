"""The figures that README.md quotes, each beside the peer it is held against."""
