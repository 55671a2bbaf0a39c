"""Measures the stack beside the alternatives to it."""
