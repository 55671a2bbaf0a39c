"""The shared part of the Python-based backends.

Each backend's folder gets a copy when the backend directory is assembled: Triton's stub imports a backend's modules
from that folder only.
"""
