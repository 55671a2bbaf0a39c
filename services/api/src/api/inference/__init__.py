"""Inference with any model: named tensors in, named tensors out."""
