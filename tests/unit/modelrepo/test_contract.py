import pytest
from pydantic import ValidationError

from modelrepo.contract import Contract, TensorSpec


def test_the_batch_dimension_is_left_out_of_a_batched_models_dims() -> None:
    spec = TensorSpec(name="x", dtype="FP32", shape=(-1, 3, 5))
    assert spec.dims(batched=True) == (3, 5)
    assert spec.dims(batched=False) == (-1, 3, 5)


def test_the_form_of_the_oldest_manifests_is_read() -> None:
    old = {
        "input": {"name": "x", "dtype": "UINT8", "shape": [-1, 2], "what": "pixels"},
        "output": {"name": "y", "dtype": "FP32", "shape": [-1, 1], "what": "scores"},
    }
    contract = Contract.model_validate(old)
    assert [(spec.name, spec.dtype, spec.shape) for spec in contract.inputs] == [("x", "UINT8", (-1, 2))]
    assert [(spec.name, spec.dtype, spec.shape) for spec in contract.outputs] == [("y", "FP32", (-1, 1))]


def test_the_json_form_is_read_back(contract: Contract) -> None:
    assert Contract.model_validate_json(contract.model_dump_json()) == contract


@pytest.mark.parametrize(
    "change", [{"inputs": []}, {"outputs": []}, {"inputs": [{"name": "x", "dtype": "FLOAT", "shape": [1]}]}]
)
def test_a_contract_without_tensors_or_with_an_unknown_datatype_is_refused(contract: Contract, change) -> None:
    with pytest.raises(ValidationError):
        Contract.model_validate(contract.model_dump() | change)
