"""Measures the stack beside what people use instead of it."""
