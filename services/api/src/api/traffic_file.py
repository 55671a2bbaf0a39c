"""The file that shares out a model's traffic among its versions."""

import re
from pathlib import Path

_LINE = re.compile(r"([^:\s][^:]*):([1-9][0-9]{0,17}):([0-9]+(?:\.[0-9]+)?)")
_ALL = 100.0

# The share of each version of a model, in percent; the rest goes to the version of the server's choice.
Shares = dict[str, list[tuple[str, float]]]


def read_traffic(file: Path) -> Shares:
    """Return the shares: a line ``model:version:percent`` each; empty lines and lines with ``#`` first don't count.

    Raises:
        ValueError: It can't be read, or a line isn't of that form, or a model's shares exceed 100.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        raise ValueError(f"{file} can't be read: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise ValueError(f"{file} isn't UTF-8") from None
    shares: Shares = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = _LINE.fullmatch(text)
        if found is None:
            raise ValueError(f"{file}, line {number}: write model:version:percent, such as mnist_cnn:3:10")
        model, version, percent = found.groups()
        shares.setdefault(model, []).append((version, float(percent)))
        if sum(share for _, share in shares[model]) > _ALL:
            raise ValueError(f"{file}, line {number}: the shares of model {model} are over 100 percent")
    return shares
