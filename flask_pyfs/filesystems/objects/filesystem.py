"""A PyFilesystem over an object store."""

from __future__ import annotations

from collections.abc import Iterator

from fs import errors

from ..directories import DirectoriesFS
from ..store import Facts
from .store import ObjectStore

#: The media type of a marker.
DIRECTORY_TYPE = "application/x-directory"


class ObjectFS(DirectoriesFS, ObjectStore):
    """The standard methods of PyFilesystem over a flat map from keys to objects.

    A directory exists if its marker, the key ``dir/``, or any other key that starts with ``dir/`` exists. Data that
    other tools wrote without markers needs no conversion. The marker is written for a directory that is made, and for
    one whose last file is deleted.
    """

    def isempty(self, path: str) -> bool:
        marker = self._directory_key(path)
        # the marker, often a directory of reserved names, and any other key
        for limit in (3, None):
            keys = [key for key, _ in self.list_objects(marker, deep=False, limit=limit)]
            if marker and not keys:
                raise self._no_directory(path)
            if any(key != marker and self._is_shown(key[len(marker) :]) for key in keys):
                return False
            if limit is not None and len(keys) < limit:
                break
        return True

    def _is_directory(self, key: str) -> bool:
        return not key or any(True for _ in self.list_objects(f"{key}/", deep=True, limit=1))

    def _children(self, prefix: str) -> Iterator[tuple[str, Facts | None]]:
        return self.list_objects(prefix, deep=False)

    def _has_marker(self, key: str) -> bool:
        """Return whether a directory has a marker. One request."""
        try:
            self.head_object(f"{key}/")
        except errors.ResourceNotFound:
            return False
        return True

    def _remember(self, key: str) -> None:
        self.new_object(f"{key}/", overwrite=True, content_type=DIRECTORY_TYPE).put(bytearray())

    def _forget(self, key: str) -> None:
        self.delete_objects([f"{key}/"])

    def _delete_below(self, prefix: str) -> None:
        if prefix or not self.hides_reserved:
            self.delete_objects_below(prefix)
            return
        for key, _ in self.list_objects("", deep=False):
            if self._is_shown(key):
                self.delete_objects_below(key) if key.endswith("/") else self.delete_objects([key])

    def _delete_file(self, key: str) -> None:
        self.delete_objects([key])
