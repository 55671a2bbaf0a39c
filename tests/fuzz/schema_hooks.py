"""What schemathesis is told about this api: ``SCHEMATHESIS_HOOKS=tests.fuzz.schema_hooks schemathesis run …``."""

import contextlib
from typing import Any

import schemathesis

from tests.fuzz.ledger import fault_of

TIMEOUT = "x-request-timeout-ms"
ENOUGH_MS = 60_000


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Leave time for an answer: what asks for too little is right to get 504, which isn't what is looked for here."""
    for name in [name for name in case.headers or {} if name.lower() == TIMEOUT]:
        with contextlib.suppress(TypeError, ValueError):
            if 0 < int(case.headers[name]) < ENOUGH_MS:
                case.headers[name] = str(ENOUGH_MS)


@schemathesis.check
def one_error_body(context: Any, response: Any, case: Any) -> None:
    """Every error has the one body."""
    headers = {name.lower(): values[0] for name, values in response.headers.items()}
    fault = None if case.method == "HEAD" else fault_of(response.status_code, headers, response.content)
    assert fault is None, fault
