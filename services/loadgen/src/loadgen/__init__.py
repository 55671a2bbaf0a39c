"""Locust users that send real digits and check every answer."""
