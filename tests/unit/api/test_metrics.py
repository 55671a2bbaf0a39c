"""What a scrape says, with a fake in Triton's place."""

import asyncio
import platform

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.errors import Unavailable
from api.settings import Settings
from api.telemetry import metrics
from api.telemetry.request_context import RequestContext
from tests.unit.api.fakes import as_base64, encoded, marked

BODY = {"image": as_base64(encoded(marked(4)))}


async def scraped(client) -> dict[str, float]:
    """Return every sample by its name and labels, as they stand in the text."""
    text = (await client.get("/metrics")).text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {s.name + "".join(f",{k}={v}" for k, v in sorted(s.labels.items())): s.value for s in samples}


async def grown(client, story) -> dict[str, float]:
    """Return what has changed between two scrapes, with ``story`` in between."""
    before = await scraped(client)
    await story
    after = await scraped(client)
    return {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}


async def test_a_prediction_is_counted_in_every_stage(client):
    async def story():
        assert (await client.post("/predict", json=BODY)).status_code == 200

    delta = await grown(client, story())
    assert delta["api_requests_total,method=POST,route=/predict,status=200"] == 1
    assert delta["api_request_duration_seconds_count,route=/predict"] == 1
    for stage in ("decode", "queue", "triton"):
        assert delta[f"api_stage_duration_seconds_count,stage={stage}"] == 1
    stages = sum(value for name, value in delta.items() if name.startswith("api_stage_duration_seconds_sum"))
    assert 0 < stages < delta["api_request_duration_seconds_sum,route=/predict"]
    assert delta["api_batch_rows_count"] == delta["api_batch_rows_sum"] == 1


async def test_what_waits_and_what_is_worked_on_shows(client, backend):
    backend.gate.clear()
    tasks = [asyncio.create_task(client.post("/predict", json=BODY)) for _ in range(5)]
    await asyncio.sleep(0.1)
    samples = await scraped(client)
    assert samples["api_queued_requests"] == 4  # one is under way
    assert samples["api_in_flight_requests"] == 6  # and the scrape itself
    backend.gate.set()
    await asyncio.gather(*tasks)
    samples = await scraped(client)
    assert samples["api_queued_requests"] == 0
    assert samples["api_in_flight_requests"] == 1


async def test_the_model_is_ready_as_long_as_it_answers(open_client, backend):
    async with open_client(Settings(ready_ttl_s=0)) as client:
        assert (await client.get("/health/ready")).status_code == 200
        assert (await scraped(client))["api_model_ready"] == 1
        backend.error = Unavailable("away")
        assert (await client.get("/health/ready")).status_code == 503
        assert (await scraped(client))["api_model_ready"] == 0


async def test_it_says_what_runs(client):
    samples = await scraped(client)
    assert samples["api_workers"] == 1
    assert samples["api_in_flight_limit_requests"] == Settings().max_in_flight
    assert samples[f"api_build_info,python={platform.python_version()},version=0.1.0"] == 1


async def test_no_client_can_make_up_labels(client):
    async def story():
        for number in range(20):
            await client.request(f"BREW{number}", "/predict")
            await client.request(f"BREW{number}", f"/nowhere/{number}")

    delta = await grown(client, story())
    requests = {name: count for name, count in delta.items() if name.startswith("api_requests_total")}
    requests.pop("api_requests_total,method=GET,route=/metrics,status=200")
    assert requests == {
        "api_requests_total,method=other,route=/predict,status=405": 20,
        "api_requests_total,method=any,route=unmatched,status=404": 20,
    }


async def test_figures_are_written_while_nobody_asks(client):
    counter = metrics._REQUESTS._counter
    metrics.account(RequestContext("-", 0.0), "/test", "GET", 200, 1.0)
    for _ in range(500):
        if counter.labels("/test", "GET", "200")._value.get():
            return
        await asyncio.sleep(0.01)
    pytest.fail("not written within 5 s")
