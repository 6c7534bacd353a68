"""Embedded scenes: ray-cast rooms and public-domain photographs, nothing to download."""
