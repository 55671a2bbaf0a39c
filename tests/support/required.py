"""What a test needs and a machine may lack: skipped there, and failed where CI has promised it."""

import os
from typing import NoReturn

import pytest


def skip_or_fail(what: str, reason: str) -> NoReturn:
    """Skip the test, or fail it where ``CI_REQUIRE_{what}`` is 1."""
    if os.environ.get(f"CI_REQUIRE_{what}") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
