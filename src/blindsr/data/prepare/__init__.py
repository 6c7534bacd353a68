"""Preparation of BSR data sets from their official source files."""
