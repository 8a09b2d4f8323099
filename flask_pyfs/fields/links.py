"""The URLs of references: those of a private storage are signed, and a page with them never breaks."""

from __future__ import annotations

import logging
from datetime import timedelta

from werkzeug.exceptions import HTTPException

from ..display_names import saved_name
from ..errors import FSError, NotAuthorized
from ..state import find
from ..storage import Storage
from ..web.signing import lifetime_of

_log = logging.getLogger(__name__)


def page_url(
    storage: Storage,
    name: str,
    *,
    external: bool = False,
    expires: float | timedelta | None = None,
    download: str | None = None,
) -> str:
    """Return the URL of a file for a page: signed if the storage is PRIVATE, or if ``expires`` is given.

    If AUTHORIZE denies it, or fails, the URL is not signed, so a request for it gets 403.

    :param expires: for how long to sign, in seconds; None for URL_EXPIRES.
    :param download: the name under which browsers save the file; None to show it.
    :raises ValueError: if ``expires`` is not positive.
    """
    if expires is not None:
        # a mistake of the app, whoever asks
        lifetime_of(expires)
    if expires is not None or find(storage).config["private"]:
        try:
            return signed_url(storage, name, external=external, expires=expires, download=download)
        except (NotAuthorized, HTTPException):
            # abort() in AUTHORIZE says no as well
            pass
        except FSError as error:
            # it says by itself what to do
            _log.warning("could not sign the URL of %r in storage %r: %s", name, storage.name, error)
        except Exception:
            # AUTHORIZE may need a request or a login; a page is more than one of its links
            _log.warning("could not sign the URL of %r in storage %r", name, storage.name, exc_info=True)
    if download is None:
        # a method of an app may have only the parameters of Flask-FS
        return storage.url(name, external=external)
    return storage.url(name, external=external, download=download)


def signed_url(
    storage: Storage, name: str, *, external: bool, expires: float | timedelta | None, download: str | None
) -> str:
    """Return a signed URL of a file: see :meth:`flask_pyfs.Storage.url`.

    :param expires: for how long to sign, in seconds; None for URL_EXPIRES.
    """
    lifetime = find(storage).config["url_expires"] if expires is None else expires
    return storage.url(name, external=external, expires=lifetime, download=download)


def download_name(name: str, original_name: str | None) -> str:
    """Return the name under which browsers save a file: what the client called it, with the extension that it has."""
    return saved_name(original_name or "1", name, trusted=False)
