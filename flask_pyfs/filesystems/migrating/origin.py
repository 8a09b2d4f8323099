"""Which source the files of a migration come from.

The first copier leaves a name in the source, made by chance, and the journal in the target keeps it. So a target that
was that of another migration before is told from one that goes on, whatever the settings of the source are by now.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from io import BytesIO

from fs import errors

from ...names import Reserved
from ..store import MIGRATING, StoreFS
from .content import first_file

__all__ = ["Origin", "forget"]

_PATH = Reserved(f"{MIGRATING}/source")

_LONGEST = 64


class Origin:
    """The source of a migration. Errors are ``fs.errors``.

    :param source: the source. Nothing is left in one that would list it, or that cannot be written to, such as a
        full disk.
    """

    def __init__(self, source: StoreFS) -> None:
        self._source = source
        self._agreed: str | None = None

    def name(self) -> str:
        """Return the name that the source has, or an empty text. One request."""
        try:
            _, file = self._source.fetch(_PATH)
        except errors.ResourceNotFound:
            return ""
        with file:
            return file.read(_LONGEST).decode("ascii", "replace")

    def named(self) -> str:
        """Return the name of the source, which it gets if it has none. One request if it has one."""
        if not self._source.hides_reserved:
            return ""
        if known := self.name():
            return known
        try:
            with suppress(errors.FileExists):
                self._source.put(_PATH, BytesIO(secrets.token_hex(12).encode()), overwrite=False)
        except (errors.PermissionDenied, errors.ResourceReadOnly, errors.Unsupported, errors.InsufficientStorage):
            return ""
        # of several at once, the last one may count
        time.sleep(self._source.settling)
        return self.name()

    def is_named(self, name: str) -> bool:
        """Return whether this may be the source of that name. Two requests, until it was so.

        A source that cannot be asked, or has no file at all, may be any: it may have been removed.
        """
        if self._agreed != name and self._source.hides_reserved:
            try:
                known = self.name()
                is_it = known == name or (not known and first_file(self._source) is None)
            except errors.FSError:
                # it may be another one as soon as it answers
                return True
            if not is_it:
                return False
            self._agreed = name
        return True


def forget(target: StoreFS) -> None:
    """Remove the name that a target has from a migration of which it was the source. One request."""
    target.delete_tree(_PATH)
