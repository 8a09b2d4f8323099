"""Renders the images of a collection again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mongoengine import Document
from mongoengine.connection import READ_PREFERENCE
from mongoengine.errors import SaveConditionError

from ..errors import VersionChanged
from ..fields.rerendering import PAGE, Report, Rerendered, rerender_each
from .fields import ImageField
from .undoing import undoing


def rerender(
    field: ImageField, *, document: type[Document] | None = None, after: Any = None, report: Report | None = None
) -> Rerendered:
    """Render the images of a collection again, as their field is now set up: each as
    :meth:`ImageReference.rerender <flask_pyfs.fields.image.ImageReference.rerender>` does.

    It goes through the collection in the order of the primary key, and saves each document, so a run that is
    interrupted can go on where it stopped. Its memory does not grow with the collection. Users may upload meanwhile:
    their images stay. An image that cannot be rendered is logged and reported, stays as it is, and the others follow.

    Only the field is written, without validating the others.

    :param field: the field, such as ``User.avatar``.
    :param document: the class of the documents, if several have the field from an abstract class.
    :param after: the primary key after which to begin, the last one that was reported.
    :param report: called with the primary key of each document that has an image and the error, or None, after it was
        saved.
    :return: how many images were rendered, and how many failed.
    :raises TypeError: if it is no field of images of a document.
    :raises BackendError: if the store fails. The run ends, as with any error of the connection to the database.
    """
    if not isinstance(field, ImageField):
        raise TypeError(f"{field!r} is no field of images: pass the attribute of a class of documents")
    owner = document or _owner(field)
    return rerender_each(
        _keys(owner, field, after),
        lambda key: _rerender(owner, field, key),
        f"{owner.__name__}.{field.name}",
        report,
        lambda: owner._get_collection().database.command("ping"),
    )


def _owner(field: ImageField) -> type[Document]:
    found = list(_with_field(Document, field))
    if len(found) != 1:
        names = ", ".join(each.__name__ for each in found) or "no class of documents"
        raise TypeError(f"{names} has the field {field.name!r}: name the class of documents with document=")
    return found[0]


def _with_field(above: type[Document], field: ImageField) -> Iterator[type[Document]]:
    # a query for a class finds the documents of those below too
    for each in above.__subclasses__():
        fields = getattr(each, "_fields", {})
        if fields.get(field.name) is field and not each._meta.get("abstract"):
            yield each
        else:
            yield from _with_field(each, field)


def _keys(owner: Any, field: ImageField, after: Any) -> Iterator[Any]:
    last = after
    while True:
        query = _objects(owner).filter(__raw__={field.db_field: {"$ne": None}})
        if last is not None:
            query = query.filter(pk__gt=last)
        found = list(query.order_by("pk").limit(PAGE).scalar("pk"))
        yield from found
        if len(found) < PAGE:
            return
        last = found[-1]


def _objects(owner: Any) -> Any:
    # not of a secondary, which may be behind
    return owner.objects.read_preference(READ_PREFERENCE)


def _rerender(owner: Any, field: ImageField, key: Any) -> bool:
    # as it is stored: the order of its keys counts
    stored = _objects(owner).filter(pk=key).only(field.name).as_pymongo().first()
    document = _objects(owner).filter(pk=key).first()
    reference = getattr(document, str(field.name), None)
    if not reference:
        return False
    with undoing(document):
        reference.rerender()
        try:
            document.save(validate=False, save_condition={"__raw__": {field.db_field: stored.get(field.db_field)}})
        except SaveConditionError as error:
            message = f"{owner.__name__}.{field.name} of {key!r} was changed or deleted while its image was rendered"
            raise VersionChanged(message) from error
    return True
