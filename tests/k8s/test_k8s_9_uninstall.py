"""Uninstalled, the release leaves nothing."""

from tests.k8s.cluster import RELEASE, Cluster
from tests.support.process import wait_until


def test_uninstall_leaves_nothing(release: Cluster):
    assert release.left_of(RELEASE)
    release.helm("uninstall", RELEASE, "--wait")
    # helm doesn't wait for pods that are told to stop.
    wait_until(lambda: not any(name.startswith("pod/") for name in release.left_of(RELEASE)), 90, "the last pod's end")
    assert release.left_of(RELEASE) == []
