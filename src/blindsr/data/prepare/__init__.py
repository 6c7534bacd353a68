"""Making a BSR data set from its official source files."""
