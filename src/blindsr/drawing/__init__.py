"""Drawings of maps and restorations, for people."""
