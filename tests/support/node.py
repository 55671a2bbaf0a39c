"""Node.js, where this machine has it."""

import os
import shutil

import pytest


def find_node() -> str:
    """Return the path of ``node``; skip the test where there is none, or fail where it was promised."""
    found = shutil.which("node")
    if found is None:
        reason = "there is no Node.js on this machine; on Debian: apt install nodejs"
        if os.environ.get("CI_REQUIRE_NODE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
