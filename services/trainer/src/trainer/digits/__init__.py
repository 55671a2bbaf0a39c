"""The digit model: its data, its network, its training, and what publishing it needs to know of it."""
