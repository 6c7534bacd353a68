"""Backbones of CMOS."""
