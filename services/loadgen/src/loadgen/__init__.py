"""Locust users that send digits, or random tensors to any model, and check every answer."""
