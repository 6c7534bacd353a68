"""Files of data sets: pairing by name, pictures, masks, sigma maps, the manifest."""
