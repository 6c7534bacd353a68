"""Augmentation of training samples: crops, flips, zoom, blur drawn anew."""
