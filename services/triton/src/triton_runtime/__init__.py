"""Runs the real tritonserver out of the nvidia-pytriton wheel."""
