"""Finds the file that a name means. A store may have it under another spelling of the name: see ``names.spellings``.

Finding it costs a request for each spelling that has no file. A name with only one spelling is not looked for: the
operation itself finds out.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from fs import errors

from .. import names
from ..filesystems.store import StoreFS

Result = TypeVar("Result")

# there is no file of that name, and maybe there cannot be one
_MISSING = (
    errors.ResourceNotFound,
    errors.FileExpected,
    errors.DirectoryExpected,
    errors.PathError,
    errors.IllegalBackReference,
)


class NamedFiles:
    """The files of a storage by their names. A path is PREFIX and a name."""

    #: PREFIX, without slashes around it.
    prefix: str

    @property
    @abstractmethod
    def store(self) -> StoreFS: ...

    def spellings(self, filename: str) -> tuple[str, ...]:
        """Return the names of the files that a name may mean, in the order in which they are tried. No request.

        :raises flask_pyfs.errors.InvalidPath: if no operation accepts the name.
        """
        found = names.spellings(filename)
        if names.is_plain(filename):
            return found
        # a store that has directories takes several spellings for one
        return tuple(dict.fromkeys(map(self.store.canonical, found)))

    def may_be_one(self, filename: str, other: str) -> bool:
        """Return whether two names have a spelling in common. No request."""
        return not set(self.spellings(filename)).isdisjoint(self.spellings(other))

    def meant(self, filename: str) -> str:
        """Return the spelling of a name that has a file, for code that reads a file and then deletes it: to delete the
        name itself deletes other spellings too. Makes no request for a name with only one.
        """
        paths = self._paths(filename)
        path = existing(self.store, paths) if len(paths) > 1 else None
        return filename if path is None else names.Exact(self._name(path))

    def found(self, filename: str) -> str:
        """Return the path of the file that a name means. No request for a name with only one spelling.

        :raises fs.errors.ResourceNotFound: if none of several has a file.
        """
        paths = self._paths(filename)
        path = paths[0] if len(paths) == 1 else existing(self.store, paths)
        if path is None:
            raise errors.ResourceNotFound(paths[0])
        return path

    # Paths

    @abstractmethod
    def _path(self, filename: str) -> str: ...

    @abstractmethod
    def _name(self, path: str) -> str: ...

    @abstractmethod
    def _only_path(self, filename: str) -> str | None: ...

    def _paths(self, filename: str) -> tuple[str, ...]:
        return tuple(map(self._path, self.spellings(filename)))

    def _normal_path(self, filename: str) -> str | None:
        normal = names.normal_form(filename)
        return None if normal is None else self._path(normal)

    def _above(self) -> str:
        return f"{self.prefix}/" if self.prefix else ""

    # What operations do with the paths

    def _target_of(self, filename: str, paths: Sequence[str], *, overwrite: bool) -> str:
        """Return the path to write to: that of the file which is replaced, or that of a new file.

        :raises fs.errors.FileExists: without ``overwrite``, if there is a file with another spelling.
        :raises flask_pyfs.errors.InvalidPath: if there is no file, and no new one can have the name.
        """
        normal = self._normal_path(filename)
        others = [path for path in paths if path != normal]
        found = self._seen(others)
        if found is None:
            return normal or self._path(names.normalize(filename))
        if not overwrite:
            raise errors.FileExists(found)
        if normal is None or normal not in paths or paths.index(found) < paths.index(normal):
            return found
        return self._seen([normal]) or found

    def _seen(self, paths: Sequence[str]) -> str | None:
        try:
            return existing(self.store, paths)
        except errors.PermissionDenied:
            # who may write need not be allowed to look
            return None

    def _require(self, path: str, paths: Sequence[str]) -> None:
        """Look whether there is a file, unless no other path is tried.

        :raises fs.errors.ResourceNotFound: if there is none.
        """
        if path != paths[-1] and existing(self.store, [path]) is None:
            raise errors.ResourceNotFound(path)

    def _deleted(self, filename: str) -> Sequence[str]:
        """Return the paths to delete for a name: the exact one if a file or a directory has it, else all others."""
        exact, *others = paths = self._paths(filename)
        if not others or exact == self._normal_path(filename):
            return paths
        if existing(self.store, [exact]) or any(True for _ in self.store.iter_files(f"{exact}/")):
            return [exact]
        return others

    def _transfer(
        self, transfer: Callable[..., None], filename: str, new: str, overwrite: bool, *, moves: bool
    ) -> None:
        only, target = self._only_path(filename), self._only_path(new)
        if only is not None and target is not None:
            transfer(only, target, overwrite=overwrite)
            return
        sources, targets = self._paths(filename), self._paths(new)
        if len(targets) == 1 and targets[0] == self._normal_path(new):
            first(self.store, sources, lambda source: transfer(source, targets[0], overwrite=overwrite))
            return
        source = self.found(filename)
        if source in targets:
            # who copies a file to another spelling of its name, or moves it to its own, reads the same by both
            stays = not moves or sources == targets
            if stays and existing(self.store, targets[: targets.index(source)]) is None:
                transfer(source, source, overwrite=overwrite)
                return
            # the file itself does not take its name
            targets = tuple(path for path in targets if path != source)
        try:
            path = self._target_of(new, targets, overwrite=overwrite)
        except errors.FileExists:
            # a missing source is reported before a taken target
            self.store.facts(source)
            raise
        transfer(source, path, overwrite=overwrite)


def first(store: StoreFS, paths: Sequence[str], operation: Callable[[str], Result]) -> Result:
    """Return what an operation returns for the first path that has a file.

    :raises fs.errors.FSError: as the operation does for a file; if no path has one, as it does for the first path.
    """
    failed: list[Exception] = []
    for path in paths:
        try:
            return operation(path)
        except _MISSING as error:
            failed.append(error)
        except errors.PermissionDenied as error:
            # some stores do not tell everybody what is missing
            if path == paths[-1] or _is_known(store, path):
                raise
            failed.append(error)
        except ValueError as error:
            # of a driver whose protocol has no such name
            failed.append(errors.InvalidCharsInPath(path, exc=error))
    raise next((error for error in failed if not isinstance(error, errors.ResourceNotFound)), failed[0])


def _is_known(store: StoreFS, path: str) -> bool:
    try:
        return existing(store, [path]) is not None
    except errors.PermissionDenied:
        return False


def existing(store: StoreFS, paths: Sequence[str]) -> str | None:
    """Return the first path that has a file, or None.

    :raises fs.errors.FSError: if the store fails.
    """
    denied = None
    for path in paths:
        try:
            if store.has_file(path):
                return path
        except (*_MISSING, ValueError):
            continue
        except errors.PermissionDenied as error:
            denied = denied or error
    if denied is not None:
        raise denied
    return None
