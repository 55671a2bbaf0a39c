"""The app that the server runs: ``gunicorn --config python:api.server.gunicorn_conf api.asgi:app``."""

from api.app import create_app
from api.settings import load_settings

app = create_app(load_settings())
