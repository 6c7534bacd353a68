"""BSR data sets: RGB-D pictures blurred by depth."""
