"""What is in a probe."""

from __future__ import annotations

#: How each begins.
MARK = b"flask_pyfs: "

FIRST = MARK + b"a probe, which may be deleted"
SECOND = MARK + b"another probe"
UPLOADED = MARK + b"a probe of a client, which may be deleted"
