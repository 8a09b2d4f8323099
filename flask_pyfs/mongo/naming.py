"""The collections that name files, as far as the classes of their documents are imported."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mongoengine import (
    DEFAULT_CONNECTION_NAME,
    Document,
    EmbeddedDocument,
    EmbeddedDocumentField,
    GenericEmbeddedDocumentField,
    get_db,
)
from mongoengine.base import ComplexBaseField, get_document
from mongoengine.connection import READ_PREFERENCE
from mongoengine.fields import DynamicField

from ..errors import ConfigurationError
from ..fields.naming import DEFAULT, Named, Naming, named_in, reading, require_references, texts_in
from ..storage import Storage
from .fields import FileField

if TYPE_CHECKING:
    from .._untyped import BaseField
else:
    from mongoengine.base import BaseField

# how many documents are fetched at a time
_PAGE = 500

# what may hold any embedded document, besides lists and maps of no declared type
_OPEN = (GenericEmbeddedDocumentField, DynamicField)


class CollectionNames:
    """The documents of a collection that name files. They are read as MongoDB has them, without making an index.

    :param alias: the connection of mongoengine.
    :param collection: the name of the collection.
    :param classes: the classes of its documents.
    :param text: the only field to read, each text of which may be a name; None for the fields of files.
    """

    def __init__(self, alias: str, collection: str, classes: Sequence[Any], text: Any = None) -> None:
        self._alias, self._collection, self._classes, self._text = alias, collection, classes, text
        self._label = f"the collection {collection!r} ({_model_of(classes[0])})"
        reached = [field for each in classes for field in _reached_of(each, set())]
        self.storages: frozenset[Storage | None] = frozenset({None} if text else {field.fs for field in reached})

    def read(self) -> Generator[Named, None, None]:
        if self._text is None:
            yield from self._defaults()
        yield from self._found({})

    def look_up(self, key: Any) -> Generator[Named, None, None]:
        return self._found({"_id": key})

    def _defaults(self) -> Iterator[Named]:
        # documents may get it at any time
        fields = {id(field): (each, field) for each in self._classes for field in _reached_of(each, set())}
        for each, field in fields.values():
            with reading(self._label):
                names = field.default_names
            for name in names:
                yield Named(field.fs, _model_of(each), None, str(field.name), DEFAULT, name)
        for each in self._classes:
            for field in each._fields.values():
                # a whole list, map or embedded document
                if not isinstance(field, FileField) and field.default is not None and not callable(field.default):
                    with reading(self._label):
                        found = list(_names(field, field.to_mongo(field.default), str(field.name)))
                    for storage, place, _, name in found:
                        yield Named(storage, _model_of(each), None, place, DEFAULT, name)

    def _found(self, query: Mapping[str, Any]) -> Generator[Named, None, None]:
        with reading(self._label):
            # not of a secondary, which may be behind
            collection = get_db(self._alias)[self._collection].with_options(read_preference=READ_PREFERENCE)
            # a batch of MongoDB may have 16 MB
            with collection.find(query, self._projection(), batch_size=_PAGE) as documents:
                for document in documents:
                    for each in self._classes_of(document):
                        for storage, place, part, name in self._names_in(each, document):
                            yield Named(storage, _model_of(each), document["_id"], place, part, name)

    def _projection(self) -> Any:
        if self._text is not None:
            return [self._text.db_field, "_cls"]
        if any(each._dynamic for each in self._classes):
            return None
        fields = (field for each in self._classes for field in each._fields.values())
        return sorted({field.db_field for field in fields if _reached(field, set())} | {"_cls"})

    def _classes_of(self, document: Mapping[str, Any]) -> Sequence[Any]:
        # those that have no subclasses write no class
        return _classes_named(document["_cls"], self._classes) if "_cls" in document else self._classes

    def _names_in(self, owner: Any, document: Any) -> Iterator[tuple[Storage | None, str, str, str]]:
        if self._text is None:
            yield from _names_of(owner, document, "")
        else:
            for place, part, name in texts_in(document.get(self._text.db_field), str(self._text.name)):
                yield None, place, part, name


def collections() -> list[Naming]:
    """Return the collections with fields of files, of all classes that are imported."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for each in _below(Document):
        # an embedded document may be named by the name of a class that is not there
        with reading(f"the class {_model_of(each)}"):
            if not each._meta.get("abstract") and _reached_of(each, set()):
                groups.setdefault(_place_of(each), []).append(each)
    return [CollectionNames(*place, classes) for place, classes in groups.items()]


def texts(field: Any) -> list[Naming]:
    """Return the collections with a field that has names of files without being one of files.

    :param field: the attribute of a class of documents.
    :raises ConfigurationError: if no class of documents has it.
    """
    groups: dict[tuple[str, str], list[Any]] = {}
    for each in _below(Document):
        if not each._meta.get("abstract") and any(own is field for own in each._fields.values()):
            groups.setdefault(_place_of(each), []).append(each)
    if not groups:
        raise ConfigurationError(f"{field!r} is no field of a class of documents: name one that a collection has")
    return [CollectionNames(*place, classes, field) for place, classes in groups.items()]


def is_field(value: Any) -> bool:
    """Return whether something is a field of a class of documents."""
    return isinstance(value, BaseField)


def _place_of(kind: Any) -> tuple[str, str]:
    return kind._meta.get("db_alias", DEFAULT_CONNECTION_NAME), kind._get_collection_name()


def _below(above: Any) -> Iterator[Any]:
    for each in above.__subclasses__():
        # not the bases that mongoengine has itself
        if hasattr(each, "_fields"):
            yield each
        yield from _below(each)


def _model_of(kind: Any) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _classes_named(name: str, known: Iterable[Any]) -> list[Any]:
    # two modules may have a class of one name
    return [each for each in known if getattr(each, "_class_name", None) == name] or [get_document(name)]


def _reached(field: Any, seen: set[Any]) -> list[FileField]:
    """Return the fields of files that a field may hold.

    :param seen: the classes that were looked into.
    """
    if isinstance(field, FileField):
        return [field]
    if isinstance(field, EmbeddedDocumentField):
        kinds = [field.document_type, *_below(field.document_type)]
    elif isinstance(field, _OPEN) or (isinstance(field, ComplexBaseField) and field.field is None):
        kinds = list(_below(EmbeddedDocument))
    elif isinstance(field, ComplexBaseField):
        return _reached(field.field, seen)
    else:
        kinds = []
    return [found for kind in kinds for found in _reached_of(kind, seen)]


def _reached_of(kind: Any, seen: set[Any]) -> list[FileField]:
    if kind in seen:
        return []
    seen.add(kind)
    found = [one for field in kind._fields.values() for one in _reached(field, seen)]
    if kind._dynamic:
        found += [one for each in _below(EmbeddedDocument) for one in _reached_of(each, seen)]
    return found


def _names_of(kind: Any, document: Any, above: str) -> Iterator[tuple[Storage | None, str, str, str]]:
    fields = {field.db_field: field for field in kind._fields.values()}
    for key, value in document.items():
        field = fields.get(key)
        yield from _names(field, value, f"{above}{key if field is None else field.name}")


def _names(field: Any, value: Any, place: str) -> Iterator[tuple[Storage | None, str, str, str]]:
    if isinstance(field, FileField):
        found = field.to_python(value)
        require_references(found, place)
        for at, part, name in named_in(found, place):
            yield field.fs, at, part, name
    elif isinstance(value, Mapping):
        kinds = _classes_of(field, value)
        for kind in kinds:
            yield from _names_of(kind, value, f"{place}.")
        if not kinds:
            for key, each in value.items():
                yield from _names(getattr(field, "field", None), each, f"{place}.{key}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _names(getattr(field, "field", None), each, f"{place}[{number}]")


def _classes_of(field: Any, value: Mapping[str, Any]) -> list[Any]:
    declared = [field.document_type] if isinstance(field, EmbeddedDocumentField) else []
    name = value.get("_cls")
    # a reference to another document has a class too
    if not isinstance(name, str) or "_ref" in value:
        return declared
    return _classes_named(name, [below for each in declared or [EmbeddedDocument] for below in (each, *_below(each))])
