"""``GET /``: the page on which to draw a digit, and its files."""

from importlib.resources import files

from api.pages import router_of

router = router_of(files("api.tasks.digits") / "page", "/", "/page")
