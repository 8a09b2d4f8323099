"""What to do if an FTP server lets nobody in."""

from __future__ import annotations

import ftplib
import re
from collections.abc import Callable

from fs import errors

from ..errors import StoreMisconfigured, explained, shortened
from .objects.errors import literal
from .unreachable import no_tls, tls_only, unreachable

# vsftpd, Pure-FTPd and FileZilla do not name TLS
_WANTS_TLS = re.compile("SSL|TLS|encrypt|cleartext|use AUTH", re.IGNORECASE)
# pyftpdlib; vsftpd, which lets nobody do anything before a login
_HAS_NO_TLS = re.compile(r"\bAUTH\b|login with USER")


def not_logged_in(
    error: errors.FSError, address: str, timeout: float | None, before: BaseException | None
) -> errors.FSError:
    """Return the error to raise if a login failed: it names OPEN_URL.

    :param error: what PyFilesystem made of the failure.
    :param address: the scheme, the host and the port of the server.
    :param timeout: the seconds to wait for each answer.
    :param before: see :func:`~flask_pyfs.filesystems.unreachable.unreachable`.
    """
    cause = error.__cause__ or error.__context__
    kind: Callable[..., errors.FSError] = errors.RemoteConnectionError
    if not isinstance(cause, (ftplib.error_perm, ftplib.error_temp)):
        advice = unreachable(error, "OPEN_URL", address, timeout, before=before)
    elif _WANTS_TLS.search(str(cause)) and address.startswith("ftp://"):
        kind, advice = StoreMisconfigured, tls_only("OPEN_URL", address)
    elif _HAS_NO_TLS.search(str(cause)) and address.startswith("ftps://"):
        kind, advice = StoreMisconfigured, no_tls("OPEN_URL", address)
    elif str(cause).startswith("530"):
        kind = errors.PermissionDenied
        advice = f"OPEN_URL {address} refused its user or password: correct them, and quote @ : / in them (%40 %3A %2F)"
    else:
        advice = f"OPEN_URL {address} lets nobody in now: {shortened(str(cause), 80)}"
    return error if advice is None else explained(kind(exc=error, msg=literal(advice)), advice)
