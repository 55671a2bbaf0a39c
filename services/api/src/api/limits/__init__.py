"""What bounds the requests: API keys, rate limit, concurrency limit, deadline."""
