"""Node.js, where this machine has it."""

import shutil

from tests.support.required import skip_or_fail


def find_node() -> str:
    """Return the path of ``node``; skip the test where there is none, or fail where it was promised."""
    found = shutil.which("node")
    if found is None:
        reason = "there is no Node.js on this machine; on Debian: apt install nodejs"
        skip_or_fail("NODE", reason)
    return found
