"""Settings of networks: checked, and built from."""
