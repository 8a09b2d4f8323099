"""The errors that an app sees, and the table that translates errors of filesystems to them."""

from __future__ import annotations

from . import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
import io
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from fs import errors as fs_errors

__all__ = [
    "BackendError",
    "ConfigurationError",
    "DecryptionError",
    "ETagMismatchError",
    "EmptyUpload",
    "ErrorContext",
    "FSError",
    "FileExists",
    "FileNotFound",
    "FileTooLarge",
    "InvalidPath",
    "NotAuthorized",
    "OperationNotSupported",
    "PermissionDenied",
    "PoolExhaustedError",
    "UnauthorizedFileType",
    "UploadNotAllowed",
    "VersionChanged",
]

Error = TypeVar("Error", bound=Exception)


class FSError(Exception):
    """The base of all errors of this package, and what is raised if nothing below it fits.

    If a driver or a filesystem failed, ``__cause__`` is its exception.

    :cvar code: the status of HTTP that fits. What a client did not cause is answered 500, whatever it is.
    :ivar user_message: a sentence for the person who uploads a file or asks for one: it names no storage, no setting
        and no host. Each class has one; an error may have a better one of its own.
    :ivar path: the name of the file, or None.
    :ivar storage: the name of the storage, or None.
    """

    code: int = 500
    user_message: str = "Something went wrong with the file. Try again later."
    path: str | None = None
    storage: str | None = None

    def __init__(
        self, *args: Any, path: str | None = None, storage: str | None = None, user_message: str | None = None
    ) -> None:
        super().__init__(*args)
        self.path = path
        self.storage = storage
        if user_message is not None:
            self.user_message = user_message

    def __reduce__(self) -> tuple[Any, ...]:
        # a subclass may have a constructor that takes other arguments than those of Exception
        reduced: Any = super().__reduce__()
        return (_made_again, (type(self), *reduced[1]), self.__dict__)


def _made_again(kind: type[FSError], *args: Any) -> FSError:
    error = kind.__new__(kind, *args)
    FSError.__init__(error, *args)
    return error


class FileExists(FSError, FileExistsError):
    """The name is taken, and ``overwrite`` is false."""

    code = 409
    user_message = "There is already a file with this name. Choose another name."


class FileNotFound(FSError, FileNotFoundError):
    """There is no file of this name."""

    code = 404
    user_message = "There is no such file."


class UnauthorizedFileType(FSError):
    """The storage does not accept files of this type, or the content does not match the extension."""

    code = 415
    user_message = "Files of this type are not accepted."


class FileTooLarge(FSError):
    """The file is larger than the setting MAX_SIZE allows."""

    code = 413
    user_message = "The file is too large."


class EmptyUpload(FSError, ValueError):
    """The stream of the upload was read to its end before, so nothing of the file is left to store."""

    code = 400
    user_message = "Nothing of the file arrived. Choose it again."


class UploadNotAllowed(FSError):
    """The storage accepts no uploads."""

    code = 403
    user_message = "No files can be uploaded here."


class OperationNotSupported(FSError, NotImplementedError):
    """The backend does not support the operation."""

    code = 501
    user_message = "This cannot be done with the file."


class InvalidPath(FSError, ValueError):
    """The name is not valid."""

    code = 400
    user_message = "A file cannot have this name. Choose another name."


class ConfigurationError(FSError, ValueError):
    """A setting is missing, misspelt or invalid. The message names the keys that set it."""


class PermissionDenied(FSError, PermissionError):
    """The store refused the operation; or AUTHORIZE did, and then it is :exc:`NotAuthorized`."""

    code = 403
    user_message = "You do not have permission to use this file."


class NotAuthorized(PermissionDenied):
    """AUTHORIZE does not allow the access."""


class BackendError(FSError, ConnectionError):
    """The store is unreachable, does not answer in time, or fails."""

    code = 503
    user_message = "The file cannot be read or stored at the moment. Try again later."


class ETagMismatchError(BackendError):
    """The content arrived damaged at the store, and is not stored."""


class PoolExhaustedError(BackendError):
    """Nothing raises it, because nothing waits for a connection. It is for code that handles flask-fs2's error."""


class DecryptionError(FSError):
    """The content of an encrypted file cannot be read: it was changed or cut, its key is not set, or it is not
    encrypted. To try again is of no use.
    """

    user_message = "The file is damaged and cannot be read."


class VersionChanged(FSError):
    """The file is no longer the version that the caller knows: it was replaced or deleted."""

    code = 409
    user_message = "The file was changed or deleted in the meantime. Load it again."


def is_worth_retrying(error: Exception | None) -> bool:
    """Return whether what failed may succeed if it is done again: the store did not answer or was too busy, or the file
    was changed or deleted meanwhile.
    """
    return isinstance(error, (BackendError, VersionChanged))


class StoreMisconfigured(fs_errors.CreateFailed):
    """The store cannot be used as configured: its bucket or the credentials are missing, or a setting is invalid.

    Filesystems raise this; storages raise :exc:`ConfigurationError` instead.
    """


class ContentDamaged(fs_errors.RemoteConnectionError):
    """The content arrived damaged at the store, and is not stored.

    Filesystems raise this; storages raise :exc:`ETagMismatchError` instead.
    """


class Undecipherable(fs_errors.OperationFailed):
    """The content of an encrypted file was changed or cut, no key decrypts it, or it is not encrypted.

    Filesystems raise this; storages raise :exc:`DecryptionError` instead.

    :ivar beside: the path of a file that the package keeps beside the others, if it is one.
    :ivar facts: what a listing tells of the file, if it was to be told what is known of it; else None.
    """

    default_message = "'{path}' cannot be decrypted"
    beside: str | None = None
    facts: Any = None


# the first row whose types match applies
_TRANSLATIONS: tuple[tuple[tuple[type[Exception], ...], type[FSError], str], ...] = (
    (
        (fs_errors.ResourceNotFound, fs_errors.FileExpected, FileNotFoundError, IsADirectoryError),
        FileNotFound,
        "there is no such file",
    ),
    (
        (
            fs_errors.FileExists,
            fs_errors.DestinationExists,
            fs_errors.DirectoryExists,
            fs_errors.DirectoryNotEmpty,
            FileExistsError,
        ),
        FileExists,
        "the name is taken",
    ),
    (
        (fs_errors.DirectoryExpected, NotADirectoryError),
        InvalidPath,
        "a part of the path is a file, not a directory",
    ),
    (
        (fs_errors.NoSysPath, fs_errors.NoURL, fs_errors.Unsupported),
        OperationNotSupported,
        "the backend does not support this",
    ),
    (
        (fs_errors.PathError, fs_errors.IllegalBackReference),
        InvalidPath,
        "the store does not accept this name",
    ),
    (
        (fs_errors.PermissionDenied, fs_errors.ResourceReadOnly, PermissionError),
        PermissionDenied,
        "the store refused the operation",
    ),
    ((ContentDamaged,), ETagMismatchError, "the content arrived damaged at the store (ETag mismatch)"),
    ((Undecipherable,), DecryptionError, "the file cannot be decrypted"),
    ((StoreMisconfigured,), ConfigurationError, "the store cannot be used as it is configured"),
    (
        (
            fs_errors.RemoteConnectionError,
            fs_errors.OperationTimeout,
            fs_errors.CreateFailed,
            ConnectionError,
            TimeoutError,
            EOFError,
        ),
        BackendError,
        "the store failed or could not be reached",
    ),
    ((fs_errors.InsufficientStorage,), FSError, "there is no space left on the store"),
    ((fs_errors.FSError, OSError), FSError, "the store failed"),
)


# the longest text of an error, what of it is not the file and the storage, and what a name keeps in any case
_LONGEST = 300
_EXPLAINED = 240
_SHORTEST = 24


def translate(error: Exception, storage: str | None = None, path: str | None = None) -> FSError | None:
    """Return the public error for an error of a filesystem, or None if it is another exception.

    Its text is one line of at most 300 characters.

    :param error: the exception of a filesystem or its driver.
    :param storage: the name of the storage.
    :param path: the name of the file.
    """
    for kinds, public, meaning in _TRANSLATIONS:
        if isinstance(error, kinds):
            return public(_text(error, meaning, storage, path), path=path, storage=storage)
    return None


def _text(error: Exception, meaning: str, storage: str | None, path: str | None) -> str:
    explanation = getattr(error, "explanation", None)
    if explanation is None:
        said = _said(error)
        what = f"{meaning} ({shortened(said, _EXPLAINED - len(meaning) - 3)})" if said else meaning
    else:
        what = shortened(explanation, _EXPLAINED)
    place = f"in storage {shortened(repr(storage), 2 * _SHORTEST)}" if storage else ""
    path = getattr(error, "beside", None) or path
    left = _LONGEST - len(what) - len(place) - len(" : ")
    name = shortened(repr(path), max(left, _SHORTEST)) if path else ""
    where = " ".join(filter(None, (name, place)))
    return shortened(f"{where}: {what}" if where else what)


# the texts that the classes of fs have for any cause
_PLAIN = {
    kind.default_message
    for kind in vars(fs_errors).values()
    if isinstance(kind, type) and issubclass(kind, fs_errors.FSError) and "{details}" not in kind.default_message
}


def _said(error: Exception) -> str:
    # what an error says beside its kind, which the meaning says already; a class of ours says more than its base
    if isinstance(error, fs_errors.FSError) and error._msg in _PLAIN:
        return ""
    return str(error)


def explained(error: Error, explanation: str) -> Error:
    """Return an error of a filesystem with what a storage is to say of it.

    :param explanation: what happened and what to do, naming the setting: one sentence of at most 240 characters. The
        storage and the file are put before it.
    """
    error.explanation = explanation  # type: ignore[attr-defined]
    return error


def shortened(text: str, length: int = _LONGEST) -> str:
    """Return a text as one line, without its middle if it is too long: what matters is at both ends."""
    line = "".join(character if character.isprintable() else " " for character in " ".join(text.split()))
    if len(line) <= length:
        return line
    kept = length - 1
    return f"{line[: kept - kept // 2]}…{line[len(line) - kept // 2 :]}"


class ErrorContext(AbstractContextManager[Any]):
    """Let only errors of one kind out of a block. A subclass says what the others mean.

    :param place: the storage, bucket or container, for the message.
    :param path: the path of the file, for the message.
    :param source: an object whose ``error`` attribute holds an exception of the caller's own making (a stream that
        failed while it was read). That one passes unchanged.
    :param target: the path that a copy or a move writes to, if the block does one.
    """

    def __init__(
        self, place: str | None = None, path: str | None = None, source: Any = None, target: str | None = None
    ) -> None:
        self.place: str = place or ""
        self.path: str = path or ""
        self.target: str = target or self.path
        self._source = source

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception) and error is not getattr(self._source, "error", None):
            meaning = self.meaning(error)
            if meaning is not None:
                raise meaning from error

    @abstractmethod
    def meaning(self, error: Exception) -> Exception | None:
        """Return the error to raise instead, or None to let this one pass."""


class translated(ErrorContext):  # noqa: N801
    """Let only errors of this package out of the block. ``place`` is the storage."""

    def meaning(self, error: Exception) -> FSError | None:
        # what a file cannot do is no failure of the store, and zipfile asks in this way whether one can seek
        if isinstance(error, (FSError, io.UnsupportedOperation)):
            return None
        storage = self.place or None
        public = translate(error, storage, self.path or None)
        return translate(error, storage, self.target or None) if isinstance(public, FileExists) else public
