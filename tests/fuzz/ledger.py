"""Every answer that was seen, by status, and what is wrong with those that are wrong."""

import json
from collections import Counter
from collections.abc import Mapping

MAX_MESSAGE = 500


def fault_of(status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """Return what is wrong with an answer, or None: an error of the server's, or one without the one error body.

    Args:
        status: HTTP's.
        headers: By name in lower case.
        body: As it came.
    """
    if status < 400:
        return None
    try:
        assert status < 500, "an error of the server's"
        assert headers.get("content-type") == "application/json", f"of type {headers.get('content-type')}"
        whole = json.loads(body)
        if isinstance(whole.get("error"), str):  # the form of the Open Inference Protocol
            assert headers.get("x-request-id"), "no request id"
            assert 0 < len(whole["error"]) <= MAX_MESSAGE, "a long message"
            return None
        assert set(whole) == {"error"}, "something beside the error"
        parts = {name: type(value) for name, value in whole["error"].items()}
        assert parts == {"code": str, "message": str, "request_id": str}, f"an error of {parts}"
        assert headers.get("x-request-id") == whole["error"]["request_id"], "two request ids"
        assert len(whole["error"]["message"]) <= MAX_MESSAGE, "a long message"
    except (AssertionError, ValueError, TypeError, AttributeError) as exc:
        return f"{status}, {exc}: {body[:300]!r}"
    return None


class Ledger:
    """Counts answers, and fails at the first wrong one."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.unanswered = 0

    def note(self, status: int, headers: Mapping[str, str], body: bytes, what: str) -> int:
        """Take in an answer; return its status."""
        self.statuses[status] += 1
        fault = fault_of(status, headers, body)
        assert fault is None, f"{what}: {fault}"
        return status
