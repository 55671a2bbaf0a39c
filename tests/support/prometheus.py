"""Prometheus' own programs, where this machine has them."""

import os
import shutil

import pytest

EXPORTERS = ("prometheus-node-exporter", "node_exporter")  # Debian's name, the project's own
MONITORING_NEEDS = "install Debian's package prometheus, or put an unpacked release on the path"


def program(*names: str) -> str:
    """Return the path of the first of the programs; skip without any, or fail where they were promised."""
    for name in names:
        if found := shutil.which(name):
            return found
    reason = f"{names[0]} isn't on the path: {MONITORING_NEEDS}"
    if os.environ.get("CI_REQUIRE_PROMETHEUS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
