"""One photograph in, one out: reading, what formats hold, writing in strips."""
