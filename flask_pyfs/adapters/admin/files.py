"""The files of a storage for the file manager of Flask-Admin.

All paths have passed :meth:`StorageFiles.normpath`. From there on, a path means exactly one file or directory: what a
view has allowed is what is used, in no other spelling.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Response, abort, request
from flask_admin.babel import gettext
from werkzeug.datastructures import FileStorage

from ... import names
from ...directories import is_directory
from ...errors import FileExists, FileNotFound, FSError, InvalidPath, VersionChanged, translated
from ...files import extension
from ...signals import before_display
from ...state import find
from ...storage import Storage
from ...uploads import client_name
from ...uploads.intake import accepted_name
from ...web import delivery, responses
from ...web.failures import is_of_client
from . import directories

if TYPE_CHECKING:
    from ..._untyped import BaseFileStorage
else:
    from flask_admin.contrib.fileadmin import BaseFileStorage

_log = logging.getLogger(__name__)

_ROOT = ("", ".")

# a text that people edit in a page; more would take its size in memory several times
_MOST_EDITED = 1024 * 1024

# far more than a person turns over
_MOST_PAGES = 1_000_000

_PAGES = "flask_pyfs.pages"


class Failed(OSError):
    """An operation failed; the text is a sentence for the person who uses the admin."""


class Item(NamedTuple):
    """What the table of Flask-Admin shows in a row: its name, its path, whether it is a directory, its size in bytes,
    and its time in seconds since 1970.
    """

    name: str
    path: str
    is_dir: bool
    size: int
    modified: float


class Page(NamedTuple):
    """A part of what is in a directory.

    :param items: the rows.
    :param is_last: whether none follow.
    """

    items: list[Item]
    is_last: bool


class StorageFiles(BaseFileStorage):
    """The files of a storage, as Flask-Admin asks for them.

    :param storage: the storage.
    :param page_size: how many rows a page has.
    :param is_accessible: whether the person in the admin may use a path.
    """

    separator = "/"

    def __init__(self, storage: Storage, page_size: int, is_accessible: Callable[[str], bool]) -> None:
        super().__init__(on_windows=False)
        self._storage = storage
        self._page_size = page_size
        self._is_accessible = is_accessible

    def get_base_path(self) -> str:
        return ""

    def normpath(self, path: str) -> str:
        """Return the path in the spelling that names the same file in the store; ``.`` for the root. No request.

        :raises werkzeug.exceptions.NotFound: if no file can have this name.
        """
        if path.endswith("/.."):
            # the row of Flask-Admin for the directory above
            path = path[:-3].rpartition("/")[0]
        if path in _ROOT:
            return "."
        try:
            return str(find(self._storage).operations.spellings(names.given(path))[0])
        except InvalidPath:
            abort(404)

    # Reading

    def page(self, directory: str) -> Page:
        """Return a part of what is in a directory: the one whose number ``page`` in the query has, from 1. It is listed
        once in a request of the admin.

        One request to the store lists 1,000 rows on S3, and 10,000 on Swift and GridFS. A later page takes those of the
        pages before it too.
        """
        pages: dict[tuple[str, str], Page] = request.environ.setdefault(_PAGES, {})
        key = (self._storage.name, directory)
        if key not in pages:
            found = find(self._storage).operations.level("" if directory in _ROOT else directory)
            start = (self.number - 1) * self._page_size
            # one row more shows whether there is another page
            rows = list(islice(found, start, start + self._page_size + 1))
            items = [self._item(directory, path, facts) for path, facts in rows[: self._page_size]]
            pages[key] = Page(items, len(rows) <= self._page_size)
        return pages[key]

    @property
    def number(self) -> int:
        """The number of the page that the request asks for."""
        return max(1, min(request.args.get("page", 1, type=int), _MOST_PAGES))

    def _item(self, directory: str, path: str, facts: Any) -> Item:
        name = path if directory in _ROOT else path[len(directory) + 1 :]
        if facts is None:
            return Item(name[:-1], path[:-1], True, 0, 0)
        return Item(name, path, False, facts.size, facts.modified.timestamp() if facts.modified else 0)

    def get_files(self, path: str, directory: str) -> list[Item]:
        return self.page(directory).items

    def path_exists(self, path: str) -> bool:
        try:
            if path in _ROOT or self.page(path).items:
                return True
            return self._storage.exists(names.Exact(path)) or is_directory(self._storage, path)
        except InvalidPath:
            # a link leads out of the storage, or a part of the path is a file
            return False

    def is_dir(self, path: str) -> bool:
        # in an object store, a name may be both: then it means the file
        return path in _ROOT or not self._storage.exists(names.Exact(path))

    def send_file(self, path: str) -> Response:
        """Return a file. The admin has allowed it, so AUTHORIZE is not asked, and no cache of others may keep it."""
        state, name = find(self._storage), names.Exact(path)
        announce = partial(before_display.send, self._storage, filename=path)
        try:
            response = delivery.streamed(state.operations.serve, state.config, name, announce)
        except (FileNotFound, InvalidPath):
            abort(404)
        responses.harden(state.config, response)
        response.cache_control.public = False
        response.cache_control.private = True
        return response

    def read_file(self, path: str) -> bytes:
        with said():
            if self._storage.size(names.Exact(path)) > _MOST_EDITED:
                raise Failed("The file is too large to be edited here.")
            return self._storage.read(names.Exact(path))

    # Changing

    def write_file(self, path: str, content: str) -> None:
        """Replace a text, if the storage accepts it. Its line ends stay what they were: forms send CR LF."""
        with said():
            lines = content.replace("\r\n", "\n")
            if b"\r\n" in self.read_file(path):
                lines = lines.replace("\n", "\r\n")
            file = io.BytesIO(lines.encode())
            self._storage.check(file, path.rpartition("/")[2])
            with self._storage.prepared(file, path) as prepared:
                self._storage.write(names.Exact(path), prepared, overwrite=True)

    def save_upload(self, directory: str, upload: FileStorage) -> str:
        """Store an upload in a directory, whatever ``upload_to`` says, and return its name. It replaces nothing."""
        with said():
            name = self._storage.check(upload, client_name(upload.filename or ""))
            name = self._new_path(directory, name)
            with self._storage.prepared(upload, name) as content:
                return str(self._storage.write_only_new(name, content))

    def make_dir(self, path: str, directory: str) -> None:
        with said():
            name = self._new_path(path, directory)
            self._require_free(name)
            with translated(self._storage.name, name):
                self._storage.fs.makedirs(name)

    def rename_path(self, path: str, target: str) -> str:
        """Give a file or a directory another name in its directory, and return its path. It replaces nothing.

        :param target: the name, without directories.
        """
        with said():
            above = names.collapse(names.given(path).rpartition("/")[0]).rstrip("/")
            name = self._new_path(above, target)
            if not self.is_dir(path):
                name = self._new_path(above, self._accepted(path, target))
                self._storage.move(names.Exact(path), name, overwrite=False)
            elif name != path:
                self._require_free(name)
                directories.rename(self._storage, path, name)
            return name

    def _new_path(self, directory: str, name: str) -> str:
        path = _new_name(directory, name)
        if not self._is_accessible(path):
            raise Failed(gettext("Permission denied."))
        return path

    def _accepted(self, path: str, name: str) -> str:
        if extension(name) == extension(path) or not self._storage.verifies:
            return accepted_name(self._storage, None, name, self._storage.config)
        with self._storage.open(names.Exact(path), "rb") as file:
            return self._storage.check(file, name)

    def _require_free(self, name: str) -> None:
        if self._storage.exists(name) or self.page(name).items or is_directory(self._storage, name):
            raise FileExists(f"{name!r} is taken", path=name, storage=self._storage.name)

    def delete_file(self, path: str) -> None:
        """Delete a file alone, also where a directory has the same name."""
        with said():
            name = names.Exact(path)
            version = self._storage.version(name)
            if version is None:
                self._storage.delete(name)
            elif not self._storage.delete_version(name, version):
                raise VersionChanged(f"{path!r} was replaced or deleted", path=path, storage=self._storage.name)

    def delete_tree(self, directory: str) -> None:
        with said():
            self._storage.delete(names.Exact(directory))


def _new_name(directory: str, name: str) -> str:
    name = name.strip()
    if not name or "/" in name:
        raise InvalidPath(f"{name!r} is not the name of one file or directory", path=name)
    if directory in _ROOT:
        return names.normalize(name)
    if names.normalize(directory) != directory:
        # what is new gets a normal name, and so another directory
        raise InvalidPath(
            f"{directory!r} is not in normal form",
            path=directory,
            user_message="Nothing new can be put into this directory, because of its name. Rename it first.",
        )
    return names.normalize(f"{directory}/{name}")


@contextmanager
def said() -> Iterator[None]:
    """Raise :exc:`Failed` with the ``user_message`` in place of an error of this package. What the person in the admin
    did not cause is logged.
    """
    try:
        yield
    except FSError as error:
        if not is_of_client(error):
            _log.exception("the admin could not use a file")
        raise Failed(str(error.user_message)) from error
