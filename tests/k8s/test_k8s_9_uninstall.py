"""Uninstalled, the release leaves nothing."""

from tests.k8s.cluster import RELEASE, Cluster, run
from tests.support.process import wait_until


def test_uninstall_leaves_nothing(release: Cluster):
    release.helm("uninstall", RELEASE, "--wait")
    kinds = run("kubectl", "api-resources", "--verbs=list", "--output=name").split()
    # Events tell what happened; metrics are of a moment.
    kinds = [kind for kind in kinds if not kind.startswith("events") and "metrics.k8s.io" not in kind]

    def left() -> list[str]:
        names = release.kubectl("get", ",".join(kinds), "--output=name").split()
        return [name for name in names if f"/{RELEASE}-" in name or f".{RELEASE}." in name]

    wait_until(lambda: not any(name.startswith("pod/") for name in left()), 90, "the end of the last pod")
    assert left() == []
