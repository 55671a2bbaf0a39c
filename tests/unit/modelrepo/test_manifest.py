from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from modelrepo.contract import Contract
from modelrepo.manifest import Manifest, now


def test_the_time_is_utc_in_iso_8601() -> None:
    age = datetime.now(UTC) - datetime.fromisoformat(now())
    assert timedelta(0) <= age < timedelta(seconds=60)
    assert now().endswith("+00:00")


@pytest.mark.parametrize("change", [{"max_batch_size": -1}, {"format": "pickle"}, {"contract": {}}])
def test_a_record_that_no_config_could_follow_from_is_refused(contract: Contract, change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Manifest.model_validate({"created": now(), "contract": contract.model_dump()} | change)
