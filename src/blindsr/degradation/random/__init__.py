"""Practical degradations, drawn at random and kept as replayable records: BSRGAN, Real-ESRGAN."""
