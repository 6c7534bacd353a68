"""Blur that stays in a result, and how consistent the rest is with its input."""
