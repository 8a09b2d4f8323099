"""The two tokens of an upload in parts: that of the URL at which it begins, and that of S3's upload id."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from flask import Flask

from ..storage import Storage
from ..uploads.terms import Terms
from ..web.signing import not_given, opened, signed_token

__all__ = ["Begun", "Permit"]

# in a URL
_LONGEST_KEY = 1024


@dataclass(frozen=True)
class Permit:
    """What a URL of :meth:`~flask_pyfs.Storage.multipart_url` permits.

    :param storage: the storage.
    :param terms: what was agreed on.
    :param expires: until when an upload may begin, in seconds since 1970.
    :param nonce: what tells this URL from all others.
    """

    storage: Storage
    terms: Terms
    expires: int
    nonce: str

    _PURPOSE = "multipart"

    @property
    def key(self) -> str:
        """What clients call the file: its name, but for one that is too long for a parameter of a URL, which also has
        two tokens: servers limit its length.
        """
        return self.terms.name if len(quote(self.terms.name)) <= _LONGEST_KEY else self.nonce

    def token(self, app: Flask) -> str:
        """Return the token that holds this.

        :raises flask_pyfs.errors.ConfigurationError: if the app has no SECRET_KEY.
        """
        claims = {"storage": self.storage.name, "expires": self.expires, "nonce": self.nonce, **self.terms.claims()}
        return signed_token(app, self.storage.name, self._PURPOSE, claims)

    @classmethod
    def of(cls, app: Flask, token: str) -> Permit:
        """Return what a token holds.

        :raises flask_pyfs.errors.NotAuthorized: if it is none of this app.
        """
        storage, claims = opened(app, cls._PURPOSE, token)
        return cls(storage, Terms.of(claims), claims["expires"], claims["nonce"])


@dataclass(frozen=True)
class Begun:
    """An upload that has begun, of one permit.

    :param permit: the nonce of the permit.
    :param store_id: what the store calls the upload.
    :param identifier: that of its directory; see :class:`~flask_pyfs.unfinished.Unfinished`.
    :param mark: what tells the file from all others of its name.
    :param time: when it began, in seconds since 1970.
    :param is_checked: whether the parts become a file under a reserved name first, whose content is checked.
    """

    permit: str
    store_id: str
    identifier: str
    mark: str
    time: int
    is_checked: bool

    _PURPOSE = "multipart upload"

    def token(self, app: Flask, storage: str) -> str:
        """Return the token that holds this, which clients call the upload id."""
        return signed_token(app, storage, self._PURPOSE, vars(self))

    @classmethod
    def of(cls, app: Flask, permit: Permit, token: str) -> Begun:
        """Return what a token holds.

        :raises flask_pyfs.errors.NotAuthorized: if it is none of this permit.
        """
        begun = cls(**opened(app, cls._PURPOSE, token, permit.storage.name)[1])
        if begun.permit != permit.nonce:
            raise not_given(permit.storage.name)
        return begun
