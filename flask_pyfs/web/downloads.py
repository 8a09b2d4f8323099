"""Which responses are attachments, which browsers save, and under which name: ``?download=``."""

from __future__ import annotations

from typing import NamedTuple

from flask import request

from ..display_names import attachment, display_name, saved_name

#: The parameter of a query: ``1`` for the name of the file, another name, or ``0`` for no attachment.
PARAMETER = "download"


class Download(NamedTuple):
    """A request to save a file instead of showing it.

    :param name: the name under which to save it; ``'1'`` for that of the file.
    :param trusted: whether the app itself gave the name, in its code or with a signature.
    """

    name: str
    trusted: bool

    def disposition_of(self, stored: str) -> str:
        """Return the Content-Disposition of the response with a file."""
        return attachment(saved_name(self.name, stored, trusted=self.trusted))


def requested_download(*, signed: bool) -> Download | None:
    """Return what the current request asks for.

    :param signed: whether its query has a valid signature.
    """
    asked = request.args.get(PARAMETER, "")
    return None if asked in ("", "0") else Download(asked, signed)


def given_download(download: bool | str | None) -> Download | None:
    """Return what the app asks for."""
    return Download(value_of(download), True) if download else None


def value_of(download: bool | str) -> str:
    """Return the value of the parameter in a URL, for something true."""
    if isinstance(download, str):
        name = display_name(download)
        # as they are, these two mean something else
        return f"./{name}" if name in ("0", "1") else name or "1"
    return "1"
