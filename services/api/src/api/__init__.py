"""Asynchronous HTTP gateway in front of NVIDIA Triton."""
