"""Files of images as they are: chains, headers, bitmaps."""
