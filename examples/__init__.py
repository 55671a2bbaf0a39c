"""Models that were made elsewhere, each served by a folder of its own."""
