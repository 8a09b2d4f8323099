"""An upload in parts that has begun: it signs requests for its parts, and knows which of them the store has."""

from __future__ import annotations

import time
from collections.abc import Mapping
from secrets import token_hex

from flask import Flask

from .. import names
from ..arrivals import must_be_read
from ..errors import FileExists, OperationNotSupported, translated
from ..filesystems.parts import InParts, Part
from ..state import State, find
from ..storage import Storage
from ..unfinished import INCOMING, Ended, Unfinished, new_identifier
from ..uploads.terms import Terms
from .tokens import Begun, Permit

__all__ = ["PART_LIFETIME", "Upload", "is_sealed", "takes_parts"]

#: For how long a client may begin to send a part after it has asked for the URL, in seconds.
PART_LIFETIME = 60 * 60


def takes_parts(state: State) -> bool:
    """Return whether the store takes files in parts from clients. No request to S3."""
    return state.operations.in_parts(names.Reserved.of("", "upload")) is not None


class Upload:
    """An upload in parts.

    :param permit: what the client may upload.
    :param begun: the upload.
    :raises Ended: if the store takes no parts any more.
    """

    def __init__(self, permit: Permit, begun: Begun) -> None:
        self.storage: Storage = permit.storage
        self.terms: Terms = permit.terms
        self.begun: Begun = begun
        self.state: State = find(self.storage)
        self.unfinished: Unfinished = Unfinished(self.state, begun.identifier)
        self.file: InParts = _file(self.state, self._name)

    @property
    def _name(self) -> str:
        return self.incoming if self.begun.is_checked else self.terms.name

    @property
    def incoming(self) -> names.Reserved:
        """The path of the file whose content is checked before it gets its name."""
        return self.unfinished.path(INCOMING)

    @classmethod
    def begin(cls, permit: Permit) -> Upload:
        """Begin an upload. One request, and one that looks whether the name is free, if it need not be.

        :raises flask_pyfs.errors.FileExists: if the name is taken.
        """
        state, terms = find(permit.storage), permit.terms
        if not terms.overwrite and not terms.unique and state.operations.exists(terms.name):
            # before the client sends anything
            message = f"{terms.name!r} exists in storage {permit.storage.name!r}"
            raise FileExists(message, path=terms.name, storage=permit.storage.name)
        is_checked, identifier, mark = _must_be_checked(permit, state), new_identifier(), token_hex(8)
        name = Unfinished(state, identifier).path(INCOMING) if is_checked else terms.name
        with translated(permit.storage.name, terms.name):
            store_id = _file(state, name).begin(mark, content_type=terms.content_type)
        return cls(permit, Begun(permit.nonce, store_id, identifier, mark, int(time.time()), is_checked))

    def token(self, app: Flask) -> str:
        """Return what the client calls the upload id."""
        return self.begun.token(app, self.storage.name)

    def signed_part(self, number: int) -> str:
        """Return the URL to which the client sends a part, by a PUT. No request in the first UPLOAD_LIFETIME.

        :raises Ended: if the upload has expired.
        """
        if not self._is_young(self.begun.time):
            # a part may have come later
            self.parts()
        with translated(self.storage.name, self.terms.name):
            return self.file.signed(self.begun.store_id, number, PART_LIFETIME)

    def parts(self) -> Mapping[int, Part] | None:
        """Return the parts that the store has; None if it does not know the upload any more, as after its completion.

        :raises Ended: if the upload has expired.
        """
        with translated(self.storage.name, self.terms.name):
            parts = self.file.parts(self.begun.store_id)
        if parts is not None:
            last = max((part.modified.timestamp() for part in parts.values()), default=0)
            if not self._is_young(max(last, self.begun.time)):
                self.abort()
                raise Ended
        return parts

    def _is_young(self, moment: float) -> bool:
        return time.time() < moment + float(self.state.config["upload_lifetime"])

    def abort(self) -> None:
        """Let the store forget the parts. A file that they have become stays."""
        with translated(self.storage.name, self.terms.name):
            self.file.abort(self.begun.store_id)

    def cancel(self) -> None:
        """End the upload, so that nothing can go on with it."""
        self.abort()
        if self.begun.is_checked and self.unfinished.look().stored is None:
            self.unfinished.cancel()


def _file(state: State, name: str) -> InParts:
    try:
        file = state.operations.in_parts(name)
    except OperationNotSupported:
        file = None
    if file is None:
        # the settings have changed since it began
        raise Ended
    return file


def _must_be_checked(permit: Permit, state: State) -> bool:
    # a client can break a file that is not sealed as long as it has the URL of a part
    return must_be_read(permit.storage, permit.terms) or not is_sealed(state)


def is_sealed(state: State) -> bool:
    """Return whether no client can change a file in parts that was completed. Six requests to S3 at first, then none.

    :raises flask_pyfs.errors.FSError: if the store cannot be reached.
    """
    probe = state.operations.in_parts(names.Reserved.of(state.backend.prefix, f"probe-{token_hex(8)}"))
    with translated(state.storage.name):
        return probe is not None and probe.is_sealed()
