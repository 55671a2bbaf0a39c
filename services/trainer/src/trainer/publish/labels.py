"""Labels of an output's values, a line each, as Triton's classification extension returns them."""

from pathlib import Path

from modelrepo.contract import Contract
from trainer.errors import SettingsError
from trainer.publish.given_file import read_text


def add_labels(contract: Contract, options: tuple[str, ...], *, batched: bool) -> Contract:
    """Return the contract with labels.

    Args:
        contract: All tensors.
        options: ``FILE`` for a model with one output, or ``OUTPUT:FILE``.
        batched: Whether the first dimension is a batch dimension.

    Raises:
        SettingsError: The file can't be read, or doesn't fit the output.
    """
    outputs = {spec.name: spec for spec in contract.outputs}
    for option in options:
        name, path = _split(option, list(outputs))
        labels = tuple(read_text(path, "--labels").splitlines())
        if not labels:
            raise SettingsError(f"--labels: {path} is empty; write a label a line")
        length = outputs[name].dims(batched=batched)[-1]
        if length not in {-1, len(labels)}:
            raise SettingsError(f"--labels: {path} has {len(labels)} lines, and output {name!r} {length} values a row")
        outputs[name] = outputs[name].model_copy(update={"labels": labels})
    return contract.model_copy(update={"outputs": tuple(outputs.values())})


def _split(option: str, outputs: list[str]) -> tuple[str, Path]:
    for name in outputs:
        if option.startswith(f"{name}:"):
            return name, Path(option.removeprefix(f"{name}:"))
    if len(outputs) > 1:
        known = ", ".join(map(repr, outputs))
        raise SettingsError(f"--labels {option!r} doesn't say of which output; write OUTPUT:FILE with one of {known}")
    return outputs[0], Path(option)
