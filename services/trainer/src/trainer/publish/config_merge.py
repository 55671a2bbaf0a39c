"""A config of the user's own: checked against the file, and reduced to what doesn't follow from it."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from google.protobuf import text_format

from modelrepo import model_config
from modelrepo.contract import Contract, TensorSpec
from modelrepo.errors import RepositoryDamaged
from modelrepo.formats import FORMATS, FormatName
from trainer.errors import SettingsError
from trainer.publish.tensor_option import narrow

# What the trainer writes itself.
_DERIVED = ("name", "platform", "backend", "max_batch_size", "input", "output", "default_model_filename")
_TENSOR_FIELDS = {"name", "data_type", "dims"}
_BACKENDS: dict[FormatName, str] = {"onnx": "onnxruntime", "torchscript": "pytorch"}


class GivenConfig(NamedTuple):
    """What a config says.

    Args:
        message: All of it, Triton's ``ModelConfig``.
        max_batch_size: None where it doesn't say.
    """

    message: Any
    max_batch_size: int | None


def parse_config(text: str, path: str) -> GivenConfig:
    """Read a config in protobuf's text format.

    Raises:
        SettingsError: It can't be parsed.
    """
    try:
        message = model_config.parse(text)
    except RepositoryDamaged as exc:
        raise SettingsError(f"--config: {path} can't be parsed: {exc.__cause__}") from exc
    # 0 and absent are the same in the message.
    says = re.search(r"^[^#\n]*\bmax_batch_size\s*:", text, re.MULTILINE) is not None
    return GivenConfig(message, message.max_batch_size if says else None)


def merge(given: GivenConfig, name: str, format_name: FormatName, contract: Contract, *, batched: bool) -> Contract:
    """Return the contract as the config narrows it: fixed lengths, and only the outputs that it lists.

    Args:
        given: The config.
        name: The model.
        format_name: The file's format.
        contract: The file's tensors.
        batched: Whether the first dimension is a batch dimension.

    Raises:
        SettingsError: The config contradicts the file; the message names every contradiction.
    """
    config = given.message
    faults = _faults(config, name, format_name)
    if given.max_batch_size and not batched:
        faults.append(f"its max_batch_size is {given.max_batch_size}, but the file has no batch dimension; write 0")
    inputs = _narrowed("input", contract.inputs, config.input, faults, batched=batched)
    outputs = _narrowed("output", contract.outputs, config.output, faults, batched=batched)
    listed = {entry.name for entry in config.output}
    if listed and format_name == "torchscript" and len(listed) != len(contract.outputs):
        faults.append(f"it lists {len(listed)} outputs, and the file returns {len(contract.outputs)}")
    if faults:
        raise SettingsError(f"--config contradicts the file: {'; '.join(faults)}")
    return Contract(inputs=inputs, outputs=tuple(spec for spec in outputs if not listed or spec.name in listed))


def _faults(config: Any, name: str, format_name: FormatName) -> list[str]:  # noqa: ANN401  a protobuf message
    """Return what the config says of the file and its place, and what is otherwise."""
    known = FORMATS[format_name]
    facts = {
        "name": name,
        "platform": known.platform,
        "backend": _BACKENDS[format_name],
        "default_model_filename": known.file,
    }
    said = {key: getattr(config, key) for key in facts}
    faults = [
        f"its {key} is {said[key]!r}, and has to be {fact!r}"
        for key, fact in facts.items()
        if said[key] not in {"", fact}
    ]
    if config.HasField("version_policy"):
        faults.append("it has a version_policy, which publishing writes; leave it out")
    return faults


def remainder(given: GivenConfig) -> str:
    """Return the fields that don't follow from the file, as text for the manifest."""
    rest = type(given.message)()
    rest.CopyFrom(given.message)
    for field in _DERIVED:
        rest.ClearField(field)
    return text_format.MessageToString(rest)


def _narrowed(
    kind: str, specs: tuple[TensorSpec, ...], entries: Sequence[Any], faults: list[str], *, batched: bool
) -> tuple[TensorSpec, ...]:
    found = {spec.name: spec for spec in specs}
    for entry in entries:
        where = f"{kind} {entry.name!r}"
        if entry.name not in found:
            faults.append(f"it has {where}, the file {', '.join(map(repr, found))}")
            continue
        spec = found[entry.name]
        if entry.data_type != model_config.data_type(spec.dtype):
            faults.append(
                f"{where} is {model_config.data_type_name(entry.data_type)} there and {spec.dtype} in the file"
            )
        dims = tuple(entry.dims)
        shape = (spec.shape[0], *dims) if batched else dims
        is_single = dims == (1,) and len(spec.shape) == int(batched)
        narrowed = spec if is_single else narrow(spec, shape)
        if narrowed is None:
            expected = list(spec.dims(batched=batched))
            faults.append(f"{where} has dims {list(dims)} there and {expected} in the file")
        else:
            found[entry.name] = narrowed
        allowed = _TENSOR_FIELDS | ({"reshape"} if is_single else set())
        for field, _ in entry.ListFields():
            if field.name not in allowed:
                hint = "; give the file as --labels" if field.name == "label_filename" else ", which isn't taken over"
                faults.append(f"{where} has {field.name}{hint}")
    return tuple(found.values())
