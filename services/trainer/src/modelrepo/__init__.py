"""Publishes versions of any model to a Triton model repository, and has running Tritons serve them."""
