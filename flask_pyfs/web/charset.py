"""Looks for the encoding of a text that is about to be sent.

Browsers do not recognize UTF-8 by themselves: they show text of which nobody says the encoding as windows-1252. What
says its own encoding is left to do so: XML with its declaration, HTML with a ``meta`` element.
"""

from __future__ import annotations

import codecs
import re

#: How many bytes of a file are looked at.
LOOKED_AT = 64 * 1024

# where browsers look for a meta element (HTML standard, "prescan a byte stream"), and what it has
_PRESCANNED = 1024
_DECLARED = re.compile(rb"charset", re.IGNORECASE)

# of these, XML is UTF-8 unless it says otherwise
_OWN = ("text/xml", "text/xsl", "text/mathml")


def is_worth_looking(media_type: str) -> bool:
    """Return whether a file of a media type, in lower case and without parameters, may be a text that does not say its
    encoding.
    """
    return media_type.startswith("text/") and media_type not in _OWN


def charset_of(media_type: str, head: bytes) -> str | None:
    """Return ``"utf-8"`` if the beginning of a text has other than ASCII characters, all of them in UTF-8; else None.

    >>> charset_of("text/plain", "Größe".encode()), charset_of("text/plain", "Größe".encode("latin-1"))
    ('utf-8', None)

    :param head: the first :data:`LOOKED_AT` bytes of the file, or all if it has less.
    """
    if head.isascii() or (media_type == "text/html" and _DECLARED.search(head[:_PRESCANNED])):
        return None
    try:
        # a character may continue behind the end
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < LOOKED_AT)
    except UnicodeDecodeError:
        return None
    return "utf-8"
