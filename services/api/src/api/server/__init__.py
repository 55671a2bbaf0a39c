"""The server: gunicorn and its workers, their connections, their graceful shutdown."""
