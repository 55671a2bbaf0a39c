"""Triton's own counters, read from its metrics before and after a step."""

import re
import urllib.error
import urllib.request
from typing import NamedTuple

_LINE = re.compile(r'^(nv_inference_\w+)\{[^}]*model="(?P<model>[^"]+)"[^}]*\} (?P<value>\S+)$', re.MULTILINE)


class Counters(NamedTuple):
    """What Triton has done for the model so far; a step is the difference of two."""

    rows: float  # nv_inference_count
    executions: float  # nv_inference_exec_count
    request_us: float  # nv_inference_request_duration_us
    queue_us: float  # nv_inference_queue_duration_us

    def __sub__(self, other: "Counters") -> "Counters":
        return Counters(*(late - early for late, early in zip(self, other, strict=True)))

    def mean_batch(self) -> float | None:
        """Return the rows of an execution, or None if there was none."""
        return self.rows / self.executions if self.executions else None

    def queue_share(self) -> float | None:
        """Return the share of a call's time in Triton that it waited for an instance (0–1)."""
        return self.queue_us / self.request_us if self.request_us else None


def parse(text: str, model: str) -> Counters:
    """Read Prometheus' text format, all versions of one model together."""
    names = ("nv_inference_count", "nv_inference_exec_count", "nv_inference_request_duration_us",
             "nv_inference_queue_duration_us")  # fmt: skip
    sums = dict.fromkeys(names, 0.0)
    for name, of_model, value in _LINE.findall(text):
        if name in sums and of_model == model:
            sums[name] += float(value)
    return Counters(*sums.values())


def read(url: str, model: str) -> Counters | None:
    """Return the counters at ``url``, or None without an answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return parse(response.read().decode(), model)
    except (urllib.error.URLError, OSError):
        return None
