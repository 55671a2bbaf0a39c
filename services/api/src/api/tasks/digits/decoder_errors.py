"""What the image decoders raise on bytes that aren't what they say."""

import struct
import zlib

# Found by fuzzing (tests/unit/api/test_pixels.py). libheif's errors are RuntimeError.
DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError,
    RuntimeError, struct.error, zlib.error,
)  # fmt: skip
