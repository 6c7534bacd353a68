"""Occlusion scenes of dead leaves, from which networks learn to see blur."""
