"""Decoders of image files at their full depth."""
