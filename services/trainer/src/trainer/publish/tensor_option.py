"""A tensor on the command line: ``NAME:DTYPE:DIMS``."""

from typing import get_args

from modelrepo.contract import Datatype, TensorSpec
from trainer.errors import SettingsError
from trainer.publish.model_file import DATATYPES


def parse_tensor(text: str) -> TensorSpec:
    """Return the tensor that ``--input`` describes.

    Args:
        text: Such as ``image:FP32:-1,3,224,224``: the batch dimension included, -1 for any length; a single value has
            no dims, as in ``x:FP32:``.

    Raises:
        SettingsError: It has another form, or a datatype that can't be served.
    """
    name, _, rest = text.partition(":")
    dtype, colon, dims = rest.partition(":")
    if not name or not colon:
        raise SettingsError(f"--input {text!r} isn't NAME:DTYPE:DIMS, such as image:FP32:-1,3,224,224")
    if dtype not in DATATYPES.values():
        known = ", ".join(DATATYPES.values())
        reason = "strings aren't served by the backends" if dtype in get_args(Datatype) else "the datatype is unknown"
        raise SettingsError(f"--input {text!r}: {reason}; use one of {known}")
    try:
        shape = tuple(int(length) for length in dims.split(",")) if dims else ()
    except ValueError as exc:
        raise SettingsError(f"--input {text!r}: {dims!r} isn't a list of numbers such as -1,3,224,224") from exc
    if any(length == 0 or length < -1 for length in shape):
        raise SettingsError(f"--input {text!r}: a length is -1 (any) or at least 1")
    return TensorSpec(name=name, dtype=dtype, shape=shape)


def narrow(spec: TensorSpec, shape: tuple[int, ...]) -> TensorSpec | None:
    """Return a tensor of the file with the given shape, which may fix variable lengths; None if they contradict."""
    if len(shape) != len(spec.shape):
        return None
    if any(mine not in {-1, given} for mine, given in zip(spec.shape, shape, strict=True)):
        return None
    return spec.model_copy(update={"shape": shape})


def apply_inputs(specs: tuple[TensorSpec, ...], given: tuple[TensorSpec, ...], name: str) -> tuple[TensorSpec, ...]:
    """Return the inputs of an ONNX file with the lengths that ``--input`` fixes.

    Raises:
        SettingsError: An option contradicts the file.
    """
    found = {spec.name: spec for spec in specs}
    for option in given:
        spec = found.get(option.name)
        if spec is None:
            raise SettingsError(f"--input {option.name}: {name} has no such input, but {', '.join(map(repr, found))}")
        narrowed = narrow(spec, option.shape)
        if narrowed is None or option.dtype != spec.dtype:
            raise SettingsError(
                f"--input {option.name}: {option.dtype} {list(option.shape)} contradicts {name}, "
                f"where it is {spec.dtype} {list(spec.shape)}"
            )
        found[option.name] = narrowed
    return tuple(found.values())
