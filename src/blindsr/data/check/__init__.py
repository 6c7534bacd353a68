"""Checks of a BSR folder: missing files, sizes, values, down-sampler."""
