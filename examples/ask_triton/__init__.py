"""Asks Triton directly, over HTTP and gRPC."""
