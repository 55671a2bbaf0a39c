"""The tasks: each turns requests of its own into tensors, and tensors into answers."""
