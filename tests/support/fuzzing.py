"""How much is tried: the same few examples at each run of the tests, other and more of them with `make fuzz`."""

import os

from hypothesis import HealthCheck, settings

# How many times as many examples as the tests have.
FACTOR = int(os.environ.get("FUZZ_FACTOR", "1"))


def examples(number: int) -> settings:
    """Return hypothesis's settings for so many examples, ``FACTOR`` times that with seeds of their own."""
    return settings(
        max_examples=number * FACTOR,
        derandomize=FACTOR == 1,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )
