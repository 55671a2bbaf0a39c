"""The binary tensor extension: a JSON header, and behind it the elements of the tensors, one after the other."""

from api.errors import InvalidRequest

HEADER = "inference-header-content-length"
_MAX_DIGITS = 12


class Blob:
    """The bytes behind the JSON header, handed out in the order of the inputs.

    Args:
        data: All of them.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    def take(self, size: int) -> memoryview:
        """Return the next so many bytes.

        Raises:
            ValueError: There are fewer.
        """
        left = len(self._data) - self._position
        if size > left:
            raise ValueError(f"binary_data_size is {size}, and {left} bytes of binary data are left")
        self._position += size
        return self._data[self._position - size : self._position]

    def end(self) -> None:
        """Make sure that nothing is left.

        Raises:
            InvalidRequest: Some bytes are.
        """
        if left := len(self._data) - self._position:
            raise InvalidRequest(f"{left} bytes follow the last input's binary data; check each binary_data_size.")


def json_length(size: int, header: str | None) -> int:
    """Return how many bytes of a body are its JSON.

    Args:
        size: Bytes of the body.
        header: Value of the header; None where it is missing, and all is JSON.

    Raises:
        InvalidRequest: The value is no length within the body.
    """
    if header is None:
        return size
    is_number = header.isascii() and header.isdigit() and len(header) <= _MAX_DIGITS
    if not is_number or int(header) > size:
        raise InvalidRequest(
            f"Inference-Header-Content-Length is {header[:40]!r}; send the number of bytes of the JSON, at most the "
            f"body's {size}."
        )
    return int(header)


def split(body: bytes | bytearray, header: str | None) -> tuple[memoryview, Blob]:
    """Return the JSON part of a body, empty for a raw request, and the blob behind it.

    Raises:
        InvalidRequest: As `json_length`.
    """
    whole = memoryview(body)
    length = json_length(len(whole), header)
    return whole[:length], Blob(whole[length:])
