import numpy as np
import pytest

from api.errors import UpstreamError
from api.inference.client import InferenceResult
from api.settings import Settings
from api.tasks.digits import Digits
from api.tasks.digits.tensors import OUTPUT

TASK = Digits(Settings())


def test_answers_are_digits_with_probabilities():
    logits = np.log(np.array([[0.05] * 9 + [0.55], [0.91] + [0.01] * 9], np.float32))
    nine, zero = TASK.decode({OUTPUT: logits})
    assert (nine["prediction"], zero["prediction"]) == (9, 0)
    assert type(nine["prediction"]) is int
    assert sum(nine["probabilities"]) == pytest.approx(1)
    assert nine["probabilities"][9] == nine["confidence"] == pytest.approx(0.55)
    assert nine["warning"]["code"] == "low_confidence"
    assert zero["confidence"] == pytest.approx(0.91)
    assert zero["warning"] is None


@pytest.mark.parametrize("scores", [np.zeros((1, 5)), np.zeros(10), np.full((1, 10), np.nan), np.full((1, 10), np.inf)])
def test_scores_of_another_form_are_no_answer(scores):
    with pytest.raises(UpstreamError):
        TASK.decode({OUTPUT: scores.astype(np.float32)})


def test_the_canary_tells_a_network_that_reads_digits_from_one_that_does_not():
    canary = TASK.canary()
    scores = np.full((1, 10), -9, np.float32)
    scores[0, 1] = 0
    assert canary.fault_of(InferenceResult({OUTPUT: scores}, "1")) is None
    assert "as 8" in str(canary.fault_of(InferenceResult({OUTPUT: np.roll(scores, 7)}, "1")))


def test_the_model_is_the_settings():
    assert Digits(Settings(model_name="another")).canary().request.model == "another"
