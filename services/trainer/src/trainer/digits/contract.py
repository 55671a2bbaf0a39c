"""The tensors of the digit model."""

from modelrepo.contract import Contract, TensorSpec

IMAGE_PX = 28
CLASSES = 10
INPUT_NAME = "INPUT__0"
OUTPUT_NAME = "OUTPUT__0"

CONTRACT = Contract(
    inputs=(
        TensorSpec(
            name=INPUT_NAME, dtype="UINT8", shape=(-1, 1, IMAGE_PX, IMAGE_PX), description="grey levels, white on black"
        ),
    ),
    outputs=(
        TensorSpec(
            name=OUTPUT_NAME, dtype="FP32", shape=(-1, CLASSES), description="log-probabilities of the digits 0 to 9"
        ),
    ),
)
