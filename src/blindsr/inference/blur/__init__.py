"""Blur that is kept in a result, and how consistent the result is with its input."""
