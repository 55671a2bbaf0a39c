"""The app that the server runs: ``gunicorn --config python:api.gunicorn_conf api.asgi:app``."""

from api.app import create_app
from api.settings import Settings

app = create_app(Settings())
