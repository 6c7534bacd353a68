"""Inference: open files as models, and run pictures through them in tiles."""
