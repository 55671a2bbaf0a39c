"""What several tests need: the real processes, started on free ports and ended by their id."""
