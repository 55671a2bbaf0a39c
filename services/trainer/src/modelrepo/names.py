"""The names that a model may have: each is a folder, a part of addresses, and an argument of a shell command.

Triton's Python backend starts a model's process through a shell, so a space or a shell character in the name would hang
the load.
"""

import re

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
MAX_NAME_LENGTH = 128


def is_valid(name: str) -> bool:
    """Tell whether a model may have this name."""
    return len(name) <= MAX_NAME_LENGTH and re.fullmatch(NAME_PATTERN, name) is not None
