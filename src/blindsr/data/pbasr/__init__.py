"""Pictures for PBaSR: HR folders and ReBlurSR."""
