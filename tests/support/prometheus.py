"""Prometheus' own programs, where this machine has them."""

import shutil

from tests.support.required import skip_or_fail

EXPORTERS = ("prometheus-node-exporter", "node_exporter")  # Debian's name, the project's own
MONITORING_NEEDS = "install Debian's package prometheus, or put an unpacked release on the path"


def program(*names: str) -> str:
    """Return the path of the first of the programs; skip without any, or fail where they were promised."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        skip_or_fail("PROMETHEUS", f"{names[0]} isn't on the path: {MONITORING_NEEDS}")
    return found
