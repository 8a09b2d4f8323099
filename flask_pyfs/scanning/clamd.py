"""Asks a daemon of ClamAV, to which the file is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, cast

from ..addresses import clamd_in
from ..errors import shortened
from .words import Unscanned

if TYPE_CHECKING:
    from clamav_client.clamd import ClamdNetworkSocket

# the client asks for 1 KiB at a time, which takes six times the processor time, and sends whatever it gets as a chunk
_CHUNK = 64 * 1024

# what clamd finds in a file that is larger, or nested deeper, than it scans
_EXCEEDED = "Heuristics.Limits.Exceeded"


def ask(url: str, file: BinaryIO) -> str | None:
    """Return the name of what the daemon finds in a file, or None if it finds nothing.

    One connection. The daemon gets the content (INSTREAM of clamd(8)), so it may be on another machine.

    :param url: where it listens, as SCAN says it.
    :param file: the file, from its first byte.
    :raises Unscanned: if it does not answer, or cannot scan this file.
    """
    from clamav_client.clamd import ClamdError

    file.seek(0)
    try:
        answers = _client(url).instream(cast(BinaryIO, _Chunks(file)))
    except (ClamdError, OSError, UnicodeError) as error:
        raise Unscanned(_reason(url, error)) from error
    status, found = next(iter(answers.values()), ("nothing", None))
    if (status, found) == ("OK", None):
        return None
    if status != "FOUND" or found is None:
        raise Unscanned(f"{url} answered {status} ({found})")
    if found.startswith(_EXCEEDED):
        raise Unscanned(f"{url} scans no such file ({found}): raise MaxFileSize and MaxScanSize in clamd.conf")
    return found


def ping(url: str) -> None:
    """Ask whether the daemon is there.

    :raises Unscanned: if it does not answer.
    """
    from clamav_client.clamd import ClamdError

    client = _client(url)
    try:
        answer = client.ping()
    except (ClamdError, OSError, UnicodeError) as error:
        raise Unscanned(_reason(url, error)) from error
    finally:
        # it leaves one open that could not connect
        client.clamd_socket.close()
    if answer != "PONG":
        raise Unscanned(f"{url} answered what clamd does not say ({shortened(answer, 80)})")


def _client(url: str) -> ClamdNetworkSocket:
    from clamav_client.clamd import ClamdNetworkSocket, ClamdUnixSocket

    place = clamd_in(url)
    if place.path is not None:
        # its type is narrower than what it does
        return ClamdUnixSocket(place.path, cast(int, place.timeout))
    return ClamdNetworkSocket(str(place.host), place.port, place.timeout)


class _Chunks:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        return self._file.read(_CHUNK)


def _reason(url: str, error: Exception) -> str:
    from clamav_client.clamd import BufferTooLongError

    cause = error.__cause__ or error
    if isinstance(cause, TimeoutError):
        return f"{url} said nothing for {clamd_in(url).timeout:g} seconds: is it overloaded? (?timeout=SECONDS)"
    # of a file that is too large, it closes the connection when it has read as much as it takes
    if isinstance(cause, (BufferTooLongError, BrokenPipeError, ConnectionResetError)):
        return f"{url} takes no file of this size, or was ended: raise StreamMaxLength in clamd.conf, or lower MAX_SIZE"
    if isinstance(cause, OSError):
        return f"{url} cannot be reached ({cause}): is clamd running, and listening there?"
    return f"{url} answered what clamd does not say ({cause})"
