"""BSR data sets: RGB-D pictures blurred by depth, frozen or drawn anew."""
