"""Checks the results of a job: a line for each image, in their order."""

import json
from collections.abc import Sequence

from loadgen.answers import find_fault_of_answer


def find_fault(results: bytes, labels: Sequence[int], *, check_labels: bool) -> str | None:
    """Return what is wrong with a job's results, or None.

    Args:
        results: The lines as they came.
        labels: The digits that were sent.
        check_labels: Whether another digit is a fault.
    """
    lines = results.splitlines()
    if len(lines) != len(labels):
        return "the results have another number of lines than the job has items"
    for index, (text, label) in enumerate(zip(lines, labels, strict=True)):
        try:
            line = json.loads(text)
            if line["index"] != index:
                return "the results aren't in the order of the items"
            if "error" in line:
                return f"an item failed: {line['error']['code']}"
            fault = find_fault_of_answer(line["answer"], label, check_label=check_labels)
        except (ValueError, KeyError, TypeError):
            return "a line of the results has no index, or neither answer nor error"
        if fault is not None:
            return fault
    return None
