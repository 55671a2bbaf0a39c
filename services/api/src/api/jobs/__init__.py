"""Jobs that outlive a request: stored in Redis, split into chunks, worked off by Celery workers; off without Redis."""
