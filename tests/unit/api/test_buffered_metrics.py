"""What is written after a while is what the library would have written at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from api.telemetry.buffered_metrics import BufferedCounter, BufferedGauge, BufferedHistogram

BOUNDS = (0.001, 0.01, 0.1, 1.0)


def histogram() -> tuple[CollectorRegistry, Histogram]:
    registry = CollectorRegistry()
    return registry, Histogram("took_seconds", "Took.", ["stage"], buckets=BOUNDS, registry=registry)


def figures(registry: CollectorRegistry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    samples = (sample for metric in registry.collect() for sample in metric.samples)
    return {(s.name, tuple(s.labels.items())): s.value for s in samples if not s.name.endswith("_created")}


values = st.floats(0, 5) | st.sampled_from([*BOUNDS, 0.0])


@given(st.lists(st.tuples(values, st.sampled_from(["decode", "queue"]), st.booleans()), max_size=30))
def test_a_histogram_ends_as_if_every_value_had_been_observed(story):
    expected, observed = histogram()
    found, written = histogram()
    samples = BufferedHistogram(written)
    for value, stage, settle in story:
        observed.labels(stage).observe(value)
        samples.add(value, stage)
        if settle:
            samples.flush()
    samples.flush()
    assert figures(found) == pytest.approx(figures(expected))


def test_a_histogram_without_labels_is_written_too():
    registry = CollectorRegistry()
    samples = BufferedHistogram(Histogram("rows", "Rows.", buckets=(1, 2), registry=registry))
    for rows in (1, 2, 3):
        samples.add(rows)
    samples.flush()
    samples.flush()
    assert b"rows_count 3.0" in generate_latest(registry)
    assert b"rows_sum 6.0" in generate_latest(registry)


def test_counts_are_added_once():
    registry = CollectorRegistry()
    counts = BufferedCounter(Counter("done", "Done.", ["status"], registry=registry))
    for status in ("200", "200", "503"):
        counts.add(status)
    for _ in range(2):
        counts.flush()
    assert registry.get_sample_value("done_total", {"status": "200"}) == 2
    assert registry.get_sample_value("done_total", {"status": "503"}) == 1


def test_a_level_is_what_it_was_last():
    registry = CollectorRegistry()
    level = BufferedGauge(Gauge("waiting", "Waiting.", registry=registry))
    for value in (3, 7, 2):
        level.value = value
    level.flush()
    assert registry.get_sample_value("waiting") == 2
    level.value = 0
    level.flush()
    assert registry.get_sample_value("waiting") == 0
