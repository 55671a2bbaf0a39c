"""Breaks the real stack in every way that it promises to survive, while a client counts: ``python -m chaos``."""
