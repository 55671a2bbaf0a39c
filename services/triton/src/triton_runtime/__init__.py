"""Runs the real tritonserver from the nvidia-pytriton wheel."""
