"""A filesystem on an FTP server: PyFilesystem's, without its faults with names and with errors."""

from __future__ import annotations

import ftplib
import io
import re
import sys
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from functools import wraps
from ssl import SSLSocket
from typing import TYPE_CHECKING, Any, BinaryIO, SupportsInt, TypeVar, cast

from fs import _ftp_parse, errors, ftpfs
from fs.info import Info
from fs.mode import Mode
from fs.opener import Opener
from fs.opener.errors import OpenerError
from fs.opener.parse import ParseResult
from fs.path import abspath, basename, dirname, normpath, split
from fs.subfs import ClosingSubFS, SubFS

from ..errors import ErrorContext
from .ftp_login import not_logged_in
from .streams import ForReading, WrappedFile

__all__ = ["FTPFS", "FTPOpener"]

Method = TypeVar("Method", bound=Callable[..., Any])

# as "ls -l" prints it: one space precedes the name, which may start with others
_UNIX = re.compile(
    r"([-dl](?:[r-][w-][xsS-]){2}[r-][w-][xtT-])[.+@]? +(\d+) +\S+ +\S+ +(\d+) +(\w{3} +\d{1,2} +[\d:]+) (.+)",
    re.DOTALL,
)
# as IIS prints it: first month and day; in the place of a directory's size there are spaces
_WINDOWS = re.compile(r"(\d\d)-(\d\d)-(?:\d\d)?(\d\d)( +\S+ +(?:<DIR>(?: {9})?|\d+)) (.+)", re.DOTALL)


class ftp_errors(ErrorContext):  # noqa: N801
    """Translate the errors of ftplib that PyFilesystem lets pass. ``path`` is that of the file."""

    def meaning(self, error: Exception) -> errors.FSError | None:
        # the base may have made another error of it
        if isinstance(error, (errors.ResourceError, errors.OperationFailed)):
            error = error.__context__ if isinstance(error.__context__, ftplib.error_temp) else error
        code = str(error)[:3]
        if code in ("452", "552") and isinstance(error, ftplib.Error):
            return errors.InsufficientStorage(self.path, exc=error)
        if isinstance(error, ftplib.error_perm):
            kind = errors.ResourceNotFound if code == "550" else errors.PermissionDenied
            return kind(self.path, exc=error)
        # an answer that is no UTF-8 is a UnicodeError
        if isinstance(error, (ftplib.Error, EOFError, ConnectionError, TimeoutError, UnicodeError)):
            return errors.RemoteConnectionError(self.path, exc=error)
        return None


def _careful(method: Method) -> Method:
    """Make a method raise ``fs.errors`` alone, and the next call use a new connection if this one fails."""

    @wraps(method)
    def call(self: FTPFS, path: str, *arguments: Any, **options: Any) -> Any:
        try:
            with ftp_errors(self.host, path):
                return method(self, path, *arguments, **options)
        except errors.RemoteConnectionError:
            self.disconnect()
            raise

    return cast(Method, call)


class FTPFS(ftpfs.FTPFS):
    """A filesystem on an FTP server, in which files are found whatever their names.

    PyFilesystem's own misreads names with ``;`` or ``=``, with spaces around them, and in NFD; it lets errors of
    ``ftplib`` pass, takes a connection that is lost for the end of a file, and never gives one up. It is no longer
    maintained.
    """

    def disconnect(self) -> None:
        """Close the connection that all commands use. The next command opens a new one."""
        with self._lock:
            lost, self._ftp = self._ftp, None
        if lost is not None:
            with suppress(OSError):
                lost.close()

    def _open_ftp(self) -> ftplib.FTP:
        before = sys.exc_info()[1]
        try:
            return self._logged_in()
        except errors.FSError as error:
            address = f"{'ftps' if self.tls else 'ftp'}://{self.host}:{self.port}"
            raise not_logged_in(error, address, self.timeout, before) from error

    def _logged_in(self) -> ftplib.FTP:
        with ftp_errors(self.host):
            opened = super()._open_ftp()
            if self.encoding == "utf-8":
                # IIS tells names in UTF-8 only after this, and others refuse it
                with suppress(ftplib.error_perm, ftplib.error_temp):
                    opened.sendcmd("OPTS UTF8 ON")
            return opened

    def validatepath(self, path: str) -> str:
        valid = super().validatepath(path)
        # a command is one line
        if "\r" in valid or "\n" in valid:
            raise errors.InvalidCharsInPath(path)
        try:
            valid.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise errors.InvalidCharsInPath(path, exc=error) from error
        return valid

    @_careful
    def getinfo(self, path: str, namespaces: Container[str] | None = None) -> Info:
        valid = self.validatepath(path)
        if valid == "/":
            return super().getinfo(path, namespaces)
        above, name = split(valid)
        with self._lock, ftpfs.ftp_errors(self, path):
            if self.supports_mlst:
                # of its lines, the first and the last have no facts
                for line in self.ftp.sendcmd(f"MLST {valid}").split("\n")[1:-1]:
                    for info in self._described(line.lstrip(" ").partition(" ")[0], name):
                        return info
            found = self._read_dir(above).get(name)
            if found is None:
                raise errors.ResourceNotFound(path)
            return found

    def scandir(
        self, path: str, namespaces: Container[str] | None = None, page: tuple[int, int] | None = None
    ) -> Iterator[Info]:
        found = self._listed(path)
        return iter(found if page is None else found[slice(*page)])

    @_careful
    def _listed(self, path: str) -> list[Info]:
        valid = self.validatepath(path)
        with self._lock, ftpfs.ftp_errors(self, path):
            if self.supports_mlst:
                try:
                    lines = self._lines(f"MLSD {valid}")
                except ftplib.error_perm:
                    if not self.getinfo(path).is_dir:
                        raise errors.DirectoryExpected(path) from None
                    raise
                if lines:
                    splits = (line.partition(" ") for line in lines)
                    return [info for facts, _, name in splits for info in self._described(facts, name)]
            elif not self.getinfo(path).is_dir:
                raise errors.DirectoryExpected(path)
            return list(self._read_dir(valid).values())

    def _described(self, facts: str, name: str) -> Iterator[Info]:
        """Yield what the facts of MLST and MLSD (RFC 3659, section 7) say of a file or a directory."""
        name = basename(name.rstrip("/"))
        # the base takes a name apart as if it were facts
        for raw in self._parse_mlsx([f"{facts.lower().rstrip(';')};x"]):
            if name not in ("", ".", ".."):
                yield _renamed(raw, name)

    def _read_dir(self, path: str) -> dict[str, Info]:
        with self._lock, ftpfs.ftp_errors(self, path):
            # as an argument of LIST, it would be a pattern to some servers
            self.ftp.cwd(abspath(normpath(path)))
            try:
                # many leave out hidden files, such as our unfinished ones
                found = self._printed("LIST -a")
            except (ftplib.error_perm, ftplib.error_temp):
                found = {}
            found = found or self._printed("LIST")
            # some delete no directory in which a client is
            self.ftp.cwd("/")
            return {name: info for name, info in found.items() if name not in (".", "..")}

    def _printed(self, command: str) -> dict[str, Info]:
        return {info.name: info for line in self._lines(command) for info in _parsed(line)}

    def _lines(self, command: str) -> list[str]:
        # names of others may be no text in the encoding of the connection
        lines: list[str] = []
        self.ftp.encoding = "latin-1"
        try:
            self.ftp.retrlines(command.encode(self.encoding).decode("latin-1"), lines.append)
        finally:
            self.ftp.encoding = self.encoding
        return [line.encode("latin-1").decode(self.encoding, "surrogateescape") for line in lines]

    @_careful
    def openbin(self, path: str, mode: str = "r", buffering: int = -1, **options: Any) -> BinaryIO:
        opened = Mode(mode)
        opened.validate_bin()
        valid = self.validatepath(path)
        with self._lock:
            try:
                info = self.getinfo(valid)
            except errors.ResourceNotFound:
                if opened.reading or not self.isdir(dirname(valid)):
                    raise errors.ResourceNotFound(path) from None
            else:
                if info.is_dir:
                    raise errors.FileExpected(path)
                if opened.exclusive:
                    raise errors.FileExists(path)
            transfer = _Transfer(self, valid, opened.to_platform_bin())
        kind = WrappedFile if opened.writing else ForReading
        return cast(BinaryIO, kind(cast(BinaryIO, transfer), ftp_errors(self.host, path)))

    @_careful
    def setinfo(self, path: str, info: Any) -> None:
        # the base sends the path as it is
        super().setinfo(self.validatepath(path), info)

    if not TYPE_CHECKING:
        # their types are those of the base
        create = _careful(ftpfs.FTPFS.create)
        getmodified = _careful(ftpfs.FTPFS.getmodified)
        makedir = _careful(ftpfs.FTPFS.makedir)
        readbytes = _careful(ftpfs.FTPFS.readbytes)
        remove = _careful(ftpfs.FTPFS.remove)
        removedir = _careful(ftpfs.FTPFS.removedir)
        upload = _careful(ftpfs.FTPFS.upload)


def _parsed(line: str) -> Iterator[Info]:
    """Yield what a line of LIST says of a file or a directory. Links count as directories."""
    if match := _UNIX.fullmatch(line):
        permissions, links, size, modified, name = match.groups()
        if permissions.startswith("l"):
            name = name.partition(" -> ")[0]
        # the base knows few names of users, and changes those of files
        yield _named(f"{permissions} {links} user group {size} {modified} x", name)
    elif match := _WINDOWS.fullmatch(line):
        month, day, year, others, name = match.groups()
        # the base takes the day for the month
        yield _named(f"{day}-{month}-{year}{others} x", name)


def _named(line: str, name: str) -> Info:
    return _renamed(_ftp_parse.parse_line(line), name)  # type: ignore[no-untyped-call]


def _renamed(raw: Any, name: str) -> Info:
    return Info({**raw, "basic": {**raw["basic"], "name": name}})


class _Transfer(ftpfs.FTPFile):
    _ended = False

    # the base takes a connection that is lost for the end of the file
    def read(self, size: int = -1) -> bytes:
        if not self.mode.reading:
            raise io.UnsupportedOperation("the file is not open for reading")
        chunks = []
        left = sys.maxsize if size < 0 else size
        while left and not self._ended:
            chunk = self.read_conn.recv(min(left, io.DEFAULT_BUFFER_SIZE))
            if not chunk:
                self._ended = True
                self.read_conn.close()
                # the server says whether that was all
                self.ftp.voidresp()
            chunks.append(chunk)
            self.pos += len(chunk)
            left -= len(chunk)
        return b"".join(chunks)

    def seek(self, pos: int, whence: SupportsInt = 0) -> int:
        self._ended = False
        return super().seek(pos, whence)

    def close(self) -> None:
        try:
            # without a farewell, the server loses what it has not read yet
            if isinstance(self._write_conn, SSLSocket):
                self._write_conn.unwrap()
        finally:
            super().close()


class FTPOpener(Opener):
    """Opens ``ftp://`` and ``ftps://`` as PyFilesystem does, but as a :class:`FTPFS`."""

    protocols: list[str] = ["ftp", "ftps"]

    def open_fs(
        self, fs_url: str, parse_result: ParseResult, writeable: bool, create: bool, cwd: str
    ) -> FTPFS | SubFS[FTPFS]:
        try:
            return self._opened(parse_result, create)
        except (errors.FSError, OpenerError):
            # each says what is wrong
            raise
        except Exception as error:
            raise errors.CreateFailed(exc=error) from error

    @staticmethod
    def _opened(parse_result: ParseResult, create: bool) -> FTPFS | SubFS[FTPFS]:
        place, _, directory = parse_result.resource.partition("/")
        host, _, port = place.partition(":")
        opened = FTPFS(
            host,
            port=int(port) if port.isdigit() else 21,
            user=parse_result.username,
            passwd=parse_result.password,
            proxy=parse_result.params.get("proxy"),
            timeout=int(parse_result.params.get("timeout", "10")),
            tls=parse_result.protocol == "ftps",
        )
        if not directory:
            return opened
        if create:
            opened.makedirs(directory, recreate=True)
        return opened.opendir(directory, factory=ClosingSubFS)
