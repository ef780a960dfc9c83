"""A flight simulator for difficult customer calls."""

__version__ = "0.1.0"
