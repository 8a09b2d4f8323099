"""The URLs of references: those of a private storage are signed, and a page with them never breaks."""

from __future__ import annotations

import logging
from datetime import timedelta

from werkzeug.exceptions import HTTPException

from ..display_names import saved_name
from ..errors import ConfigurationError, FSError, NotAuthorized
from ..renditions import lazy
from ..state import State, find
from ..storage import Storage
from ..web import links
from ..web.signing import lifetime_of

_log = logging.getLogger(__name__)


def page_url(
    storage: Storage,
    name: str,
    *,
    external: bool = False,
    expires: float | timedelta | None = None,
    download: str | None = None,
    source: lazy.Source | None = None,
    instead: str | None = None,
) -> str:
    """Return the URL of a file for a page: signed if the storage is PRIVATE, or if ``expires`` is given.

    If AUTHORIZE denies it, or fails, the URL is not signed, so a request for it gets 403.

    :param expires: for how long to sign, in seconds; None for URL_EXPIRES.
    :param download: the name under which browsers save the file; None to show it.
    :param source: what the file shows, if it is made at the first request. Its URL is that of the app's route, and is
        signed always.
    :param instead: with ``source``, the file whose URL is returned, not signed, if that cannot be signed.
    :raises ValueError: if ``expires`` is not positive.
    """
    if expires is not None:
        # a mistake of the app, whoever asks
        lifetime_of(expires)
    state = find(storage)
    must_expire = expires is not None or state.config["private"]
    if must_expire or source is not None:
        try:
            if source is not None:
                lifetime = _lifetime(state, expires) if must_expire else None
                return links.rendition_url(state, name, source.claims(name), lifetime, external=external)
            return signed_url(storage, name, external=external, expires=expires, download=download)
        except (NotAuthorized, HTTPException):
            # abort() in AUTHORIZE says no as well
            pass
        except ConfigurationError as error:
            # the same for each link of each page
            if state.is_first("cannot sign"):
                _log.warning("%s", error)
        except FSError as error:
            # it says by itself what to do
            _log.warning("could not sign the URL of %r in storage %r: %s", name, storage.name, error)
        except Exception:
            # AUTHORIZE may need a request or a login; a page is more than one of its links
            _log.warning("could not sign the URL of %r in storage %r", name, storage.name, exc_info=True)
        if source is not None:
            # only who has a signature lets it be made
            name = instead or name
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
    return storage.url(name, external=external, expires=_lifetime(find(storage), expires), download=download)


def _lifetime(state: State, expires: float | timedelta | None) -> float | timedelta:
    found: float | timedelta = state.config["url_expires"] if expires is None else expires
    return found


def download_name(name: str, original_name: str | None) -> str:
    """Return the name under which browsers save a file: what the client called it, with the extension that it has."""
    return saved_name(original_name or "1", name, trusted=False)
