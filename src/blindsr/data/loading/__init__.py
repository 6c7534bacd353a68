"""Shared by all data modules: loaders, order of samples, evaluation, checks of options."""
