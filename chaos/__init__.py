"""Injects faults into the real stack under load and counts the outcome of every request: ``python -m chaos``."""
