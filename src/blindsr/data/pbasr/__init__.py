"""Pictures for PBaSR: folders of HR pictures, and ReBlurSR."""
