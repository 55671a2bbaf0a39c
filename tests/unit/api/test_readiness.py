import numpy as np
import pytest

from api.errors import Unavailable, UpstreamError
from api.readiness import Readiness
from api.settings import Settings
from api.triton import Scores


async def test_the_answer_is_kept_for_a_moment(backend):
    readiness = Readiness(backend, Settings(ready_ttl_s=60))
    assert await readiness.check() == "7"
    backend.error = Unavailable("away")
    assert await readiness.check() == "7"
    assert len(backend.batches) == 1


async def test_an_error_is_kept_too(backend):
    backend.error = Unavailable("away", retry_after_s=1)
    readiness = Readiness(backend, Settings(ready_ttl_s=60))
    for _ in range(2):
        with pytest.raises(Unavailable) as raised:
            await readiness.check()
        assert raised.value.retry_after_s == 1
    assert len(backend.batches) == 1


async def test_a_model_that_reads_the_canary_wrong_is_not_ready(backend, monkeypatch):
    async def wrong(batch, **kwargs):
        return Scores(np.eye(10, dtype=np.float32)[[8]], "7")

    monkeypatch.setattr(backend, "infer", wrong)
    with pytest.raises(UpstreamError, match="as 8"):
        await Readiness(backend, Settings()).check()
