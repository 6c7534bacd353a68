"""LightningModules: one per system. They meet data only in ``blindsr.types`` and in the YAML."""

from .cmos import CMOSTask

__all__ = ["CMOSTask"]
