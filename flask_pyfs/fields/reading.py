"""The file of a reference, as far as it is read: what is known of it, its content, its URLs, and what JSON says."""

from __future__ import annotations

from datetime import timedelta
from typing import IO, Any

from ..errors import FileNotFound, OperationNotSupported
from ..web.json import InJSON
from . import facts, links
from .assigned import Assigned, Upload, original_name_of
from .settings import HasSettings


class ReadableReference(HasSettings, InJSON):
    """What a reference does without changing. A subclass sets the parts."""

    _filename: str | None
    _original_name: str | None
    _facts: dict[str, Any]
    _asked: dict[str, Any]
    _assigned: Assigned | None

    def __str__(self) -> str:
        return self.url or ""

    @property
    def upload(self) -> Upload | None:
        """The upload that was assigned and is not stored yet, or None. Until then, the reference has no file name and
        no URL, but it is true.
        """
        return self._assigned.upload if self._assigned is not None else None

    @property
    def original_name(self) -> str | None:
        """What the client called the file that it uploaded, as :func:`~flask_pyfs.display_names.display_name` shows it.

        None if that is not known: the client sent no name, another file was assigned, or an old row or document or one
        without ``facts`` was loaded.
        """
        return self._original_name if self._assigned is None else original_name_of(self._assigned.file)

    @property
    def size(self) -> int | None:
        """The length of the file in bytes; None if there is no file.

        A row keeps it since the file was stored, and so does a document with ``facts``. If it is not kept, one request
        asks the store for this and the other facts, which the reference remembers until it changes.

        :raises FSError: if it must be asked for, and the store fails or cannot be reached.
        """
        found: int | None = self._fact("size")
        return found

    @property
    def content_type(self) -> str | None:
        """The media type of the file, kept or asked for as :attr:`size` is."""
        found: str | None = self._fact("content_type")
        return found

    @property
    def checksum(self) -> str | None:
        """``'algorithm:hexadecimal digits'`` of the content, kept or asked for as :attr:`size` is; None if the store
        knows none.

        If it is asked for, the backends local, memory and pyfs read the whole file.
        """
        found: str | None = self._fact("checksum")
        return found

    def _fact(self, name: str) -> Any:
        if name not in self._facts and name not in self._asked and self._filename:
            self._asked.update(self._ask(self._filename, name))
        return self._facts.get(name, self._asked.get(name))

    def _ask(self, filename: str, name: str) -> dict[str, Any]:
        return facts.asked(self.fs, filename, checksum=name == "checksum")

    def open(self, mode: str = "rb", encoding: str = "utf-8", **options: Any) -> IO[Any]:
        """Open the file for reading.

        :param mode: ``rb``, or ``r`` for text.
        :param encoding: the encoding of text.
        :param options: see :meth:`flask_pyfs.Storage.open`.
        :raises FileNotFound: if there is no file.
        :raises OperationNotSupported: for a mode that writes: :meth:`save` stores a file.
        """
        if mode not in ("r", "rt", "rb"):
            raise OperationNotSupported(
                f"a reference opens its file with the mode 'rb' or 'r', not {mode!r}: store another file with save()",
                path=self._filename,
                storage=self.fs.name,
            )
        return self.fs.open(self._require_file(), mode, encoding, **options)

    def read(self) -> bytes:
        """Return the content of the file.

        :raises FileNotFound: if there is no file.
        """
        return self.fs.read(self._require_file())

    def exists(self) -> bool:
        """Return whether the reference has a file, and the storage too. Makes one request to the store if it has.

        :raises FSError: if the store fails or cannot be reached.
        """
        return bool(self._filename) and self.fs.exists(self._filename or "")

    def _require_file(self) -> str:
        if self._assigned is not None:
            raise FileNotFound(
                f"{self._assigned.file.filename!r} is not stored yet in storage {self.fs.name!r}: flush the session or "
                "save the document first",
                storage=self.fs.name,
            )
        if not self._filename:
            raise FileNotFound(f"the reference to storage {self.fs.name!r} has no file", storage=self.fs.name)
        return self._filename

    @property
    def url(self) -> str | None:
        """The URL of the file, or None if there is no file. Makes no request to the store, but see
        :meth:`flask_pyfs.Storage.url` for Swift.

        If the storage is PRIVATE, the URL is signed for URL_EXPIRES. If AUTHORIZE denies that or fails, it is not, and
        a request for it gets 403.
        """
        return links.page_url(self.fs, self._filename) if self._filename else None

    @property
    def download_url(self) -> str | None:
        """The URL with which browsers save the file under the name that the client gave it; else as :attr:`url`."""
        if not self._filename:
            return None
        return links.page_url(self.fs, self._filename, download=self._download_name(True))

    def signed_url(
        self,
        *,
        expires: float | timedelta | None = None,
        download: bool | str | None = False,
        external: bool = False,
    ) -> str | None:
        """Return a signed URL of the file, whether or not the storage is PRIVATE; None if there is no file.

        :param expires: how long it is valid, in seconds; None for URL_EXPIRES. See :meth:`flask_pyfs.Storage.url`.
        :param download: make browsers save the file: under its original name, if that is known, or under this one. Its
            own extension is appended to an original name with another one.
        :param external: whether the URL is absolute.
        :raises NotAuthorized: if AUTHORIZE denies it. :attr:`url` and the methods for pages do not raise it.
        :raises ConfigurationError: if the app itself has to sign and has no ``SECRET_KEY``.
        :raises ValueError: if ``expires`` is not positive, or longer than the store supports.
        """
        if not self._filename:
            return None
        name = self._download_name(download)
        return links.signed_url(self.fs, self._filename, external=external, expires=expires, download=name)

    def _download_name(self, download: bool | str | None) -> str | None:
        if download is True:
            return links.download_name(self._filename or "", self._original_name)
        return download or None

    def to_json(self) -> dict[str, Any] | None:
        """Return what the JSON of an app has for the reference, by whichever provider; None if there is no file.

        That is ``filename``, ``url``, ``size``, ``content_type`` and ``original_name``. Of an upload that is not
        stored yet, only the last is known, and the others are None. Makes one request to the store if the document or
        row does not keep the size.

        :raises FSError: if the store fails or cannot be reached.
        """
        if not self._filename and self._assigned is None:
            return None
        size = self.size
        # a file that is missing need not be asked for twice
        content_type = {**self._asked, **self._facts}.get("content_type") if size is None else self.content_type
        return {
            "filename": self._filename,
            "url": self.url,
            "size": size,
            "content_type": content_type,
            "original_name": self.original_name,
        }
