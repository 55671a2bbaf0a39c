"""How many users the stack carries, by Locust: in steps until the knee, at fixed rates of arrival, or for long."""
