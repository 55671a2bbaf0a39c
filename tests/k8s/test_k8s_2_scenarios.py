"""Under constant load, requests don't fail over what an operator or the cluster does."""

import pytest

from tests.k8s.cluster import Cluster
from tests.k8s.load import Load
from tests.k8s.scenarios import SCENARIOS, Scenario
from tests.k8s.table import Table


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.what.replace(" ", "-"))
def test_requests_are_answered_meanwhile(client: Cluster, table: Table, scenario: Scenario):
    client.settle()
    with Load() as load:
        notes = scenario.act(client)
    table.add(scenario.what, load, notes or "")
    assert load.failed <= scenario.allowed, load.failures
    assert load.wrong == 0
