"""One picture tile by tile: how large tiles are, what runs on them, and in which order."""
