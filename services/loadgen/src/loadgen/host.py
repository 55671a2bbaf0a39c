"""The address of the api, as people type it and as requests need it."""

from urllib.parse import urlsplit

_SCHEMES = ("http", "https")


def base_url(text: str) -> str:
    """Return the address to which a path can be appended: with a scheme, ``http`` if none is given, and no last slash.

    Raises:
        ValueError: It isn't the address of an HTTP server.
    """
    text = text.strip()
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or a bracket that isn't closed
        is_address = False
    if not is_address or any(mark in url for mark in "?# ") or (":/" in text and "://" not in text):
        raise ValueError(f"{text!r} isn't the address of an api; write it as http://127.0.0.1:8888")
    return url.rstrip("/")
