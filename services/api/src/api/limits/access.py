"""Which routes are public. Every other path needs a key, counts against the limits, and has a deadline."""

from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute


class PublicRoute(APIRoute):
    """A route that needs no key, counts against no limit, and has no deadline."""


class MonitoringRoute(PublicRoute):
    """A public route that needs a key where ``API_METRICS_PUBLIC`` is off."""


class Access:
    """Says of a path how it is guarded; a path that no public route matches is guarded in full.

    Args:
        routes: The routes of the app.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        http = [route for route in routes if isinstance(route, APIRoute)]
        public = [route for route in http if isinstance(route, PublicRoute)]
        guarded = [route for route in http if not isinstance(route, PublicRoute)]
        self._guarded = frozenset(route.path for route in guarded)
        self._guarded_patterns = [route.path_regex for route in guarded]
        self._public = frozenset(route.path for route in public if not route.param_convertors)
        self._public_patterns = [route.path_regex for route in public if route.param_convertors]
        self._monitoring = frozenset(route.path for route in public if isinstance(route, MonitoringRoute))

    def is_guarded(self, path: str) -> bool:
        """Say whether a path needs a key, counts against the limits, and has a deadline."""
        if path in self._guarded:  # the usual case
            return True
        if path not in self._public and not any(pattern.match(path) for pattern in self._public_patterns):
            return True
        # A path that both kinds of routes match may reach the guarded one.
        return any(pattern.match(path) for pattern in self._guarded_patterns)

    def is_monitoring(self, path: str) -> bool:
        """Say whether a path shows what is for operators."""
        return path in self._monitoring
