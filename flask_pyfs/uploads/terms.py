"""The agreement of the app and a client before the client sends a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..backends.contract import UploadTerms

__all__ = ["Terms"]


@dataclass(frozen=True)
class Terms:
    """The terms of one upload. The signature of its URL, or its token, covers all of them.

    :param name: the name of the file, in normal form.
    :param overwrite: whether the upload may replace a file of that name.
    :param content_type: the media type that the file must have, in lower case, or None.
    :param max_size: the maximum size of the file in bytes, or None.
    :param original_name: the name that the client has for the file, or None.
    :param unique: whether the name has a random part, so that no other file can have it.
    """

    name: str
    overwrite: bool = False
    content_type: str | None = None
    max_size: int | None = None
    original_name: str | None = None
    unique: bool = False

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> Terms:
        """Return the terms that a token holds."""
        return cls(
            claims["name"],
            claims.get("overwrite", False),
            claims.get("type"),
            claims.get("size"),
            claims.get("original"),
            claims.get("unique", False),
        )

    def claims(self) -> dict[str, Any]:
        """Return the claims of a token with these terms."""
        held = {
            "name": self.name,
            "overwrite": self.overwrite or None,
            "type": self.content_type,
            "size": self.max_size,
            "original": self.original_name,
            "unique": self.unique or None,
        }
        return {key: value for key, value in held.items() if value is not None}

    @property
    def may_replace(self) -> bool:
        """Whether a request may replace a file of that name. If the name is unique, that is the same upload."""
        return self.overwrite or self.unique

    def for_store(self, expires: int, lifetime: int) -> UploadTerms:
        """Return the terms for a store.

        :param expires: when the signature expires, in seconds since 1970.
        :param lifetime: how long it is valid, in seconds.
        """
        return UploadTerms(expires, lifetime, self.may_replace, self.content_type, self.max_size)
