"""What is broken, a group a file; each fault is a coroutine of the scene that returns its row."""
