"""What the api tells of itself: metrics, logs, traces."""
