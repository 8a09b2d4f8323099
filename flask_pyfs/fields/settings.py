"""The settings of fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import ConfigurationError
from ..storage import Storage

#: A str, or a callable that takes the document or row and returns one.
Namer = str | Callable[[Any], str] | None


@dataclass(frozen=True)
class FileSettings:
    """The settings of a field.

    :param fs: the storage; None for a field that gets its storage later.
    :param upload_to: the directory that ``save`` puts in front of names: a str, or a callable that takes the document
        or row and returns one.
    :param basename: the name of uploads, without the extension: a str, or a callable that takes the document or row and
        returns one.
    :param remove_files: whether files that the document or row no longer references are deleted.
    :param facts: whether a document keeps what is known of the upload, such as the client's own name. Rows always do.
    """

    fs: Storage | None
    upload_to: Namer = None
    basename: Namer = None
    remove_files: bool = False
    facts: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class ImageSettings(FileSettings):
    """The settings of an image field, besides those of :class:`FileSettings`.

    :param max_size: the maximum width and height of the displayed image, in pixels. A larger upload is scaled down and
        kept as the original.
    :param thumbnails: the sizes of the thumbnails, in pixels.
    :param optimize: whether the displayed image is optimized; None for the setting IMAGES_OPTIMIZE of the storage.
    """

    max_size: int | None = None
    thumbnails: Sequence[int] = ()
    optimize: bool | None = None


class HasSettings:
    """What has the settings of a field."""

    settings: FileSettings

    @property
    def fs(self) -> Storage:
        """The storage.

        :raises ConfigurationError: if the field has none yet.
        """
        if self.settings.fs is None:
            raise ConfigurationError(
                "the field has no storage: pass it as fs=…, or set the attribute fs of the field; a reference that was "
                "unpickled has none until it is assigned to a field"
            )
        return self.settings.fs


class Setting:
    """An attribute that is one of the ``settings`` of its object, as in Flask-FS.

    :param name: the name in the settings.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        value = getattr(instance.settings, self._name)
        return list(value) if isinstance(value, (tuple, list)) else value

    def __set__(self, instance: Any, value: Any) -> None:
        if isinstance(value, list):
            value = tuple(value)
        instance.settings = replace(instance.settings, **{self._name: value})
