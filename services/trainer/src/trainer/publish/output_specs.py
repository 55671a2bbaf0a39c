"""The outputs of a file: as declared, checked against what a run returned."""

from modelrepo.contract import VARIABLE, TensorSpec
from modelrepo.probe import Tensors
from trainer.errors import ModelFileRefused
from trainer.publish.batch_dimension import ROWS, Trial
from trainer.publish.model_file import Declared, ModelFile, RunFailed, datatype_of
from trainer.publish.random_input import SIDES, make


def describe_outputs(file: ModelFile, trial: Trial, name: str) -> tuple[TensorSpec, ...]:
    """Return the outputs with their datatypes and shapes, -1 for any length.

    Args:
        file: The file.
        trial: A run of it.
        name: Its name in messages.

    Raises:
        ModelFileRefused: An output has another rank or another fixed length than the file declares.
    """
    other = _run_longer(file, trial)
    return tuple(_describe(output, trial, other, name) for output in file.outputs)


def _describe(output: Declared, trial: Trial, other: Tensors | None, name: str) -> TensorSpec:
    answer = trial.outputs[output.name]
    dtype = datatype_of(answer.dtype)
    if output.shape is None:
        shape = _observed(answer.shape, None if other is None else other[output.name].shape)
    else:
        shape = output.shape
        # The first dimension may be declared with the length that it had at the export.
        start = 1 if trial.batched else 0
        lengths = zip(shape[start:], answer.shape[start:], strict=False)
        if len(shape) != answer.ndim or any(length not in {VARIABLE, found} for length, found in lengths):
            raise ModelFileRefused(
                f"{name}: output {output.name!r} is declared as {list(shape)}, but the file returns "
                f"{list(answer.shape)}; correct the graph's output, or export the model anew"
            )
    return TensorSpec(name=output.name, dtype=dtype, shape=(VARIABLE, *shape[1:]) if trial.batched else shape)


def _observed(shape: tuple[int, ...], other: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the lengths that two runs share; the other ones follow from the inputs' lengths."""
    if other is None or len(other) != len(shape):
        return (VARIABLE,) * len(shape)
    return tuple(left if left == right else VARIABLE for left, right in zip(shape, other, strict=True))


def _run_longer(file: ModelFile, trial: Trial) -> Tensors | None:
    """Return the outputs for inputs of other lengths; None if none of those tried is accepted."""
    if all(output.shape is not None for output in file.outputs):
        return None
    start = 1 if trial.batched else 0
    if all(length > 0 for spec in file.inputs for length in spec.shape[start:]):
        return trial.outputs
    for side in SIDES:
        inputs = {spec.name: make(spec, ROWS if trial.batched else None, side, 2) for spec in file.inputs}
        if any(array.shape != trial.inputs[key].shape for key, array in inputs.items()):
            try:
                return file.run(inputs)
            except RunFailed:
                continue
    return None
