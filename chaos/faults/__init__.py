"""The faults, grouped by the process that they hit; each is a coroutine that takes a scenario and fills a result."""
