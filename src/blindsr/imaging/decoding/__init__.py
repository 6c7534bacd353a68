"""From image files to pixels, at the depth that they hold: one way for training and upscaling."""
