"""What a file that nothing decrypts looks like: plain, or encrypted and damaged."""

from __future__ import annotations

from collections import Counter

from ...encryption.fernet import has_time
from ...encryption.segments import HEADER

__all__ = ["looks_encrypted"]

# of Zstandard (RFC 8878, section 3.1.1), whose content looks random too
_ZSTANDARD = b"\x28\xb5\x2f\xfd"

# what chi-squared with 15 degrees of freedom exceeds for one of four million random contents
_MOST = 60


def looks_encrypted(start: bytes) -> bool:
    """Whether a file begins as one of flask-fs2, or as one of this package and is random besides.

    :param start: its beginning. Of less than 40 bytes it is not known.
    """
    if start[:1] == bytes([HEADER]):
        # damage behind it, such as a block of zeros, does not count
        return len(start) >= HEADER and not start.startswith(_ZSTANDARD) and _is_random(start[:64])
    return has_time(start)


def _is_random(content: bytes) -> bool:
    # the upper halves of bytes are of few kinds in text, and zero in numbers
    expected, counts = len(content) / 16, Counter(byte >> 4 for byte in content)
    return sum((counts[half] - expected) ** 2 / expected for half in range(16)) <= _MOST
