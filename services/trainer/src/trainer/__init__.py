"""Trains the digit model and publishes it to a Triton model repository."""
