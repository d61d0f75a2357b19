"""OpenKAP: a learning health system for ketamine treatment of PTSD."""

__version__ = "0.1.0"
