"""Reading an object of a container: its facts, and its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fs import errors
from requests import Response

from ..objects.http import HTTPBody, byte_range, closed_on_error, replaced, require_start
from ..objects.reader import Body
from ..objects.store import Content
from ..store import Facts, Unchanged
from .answers import odd_answers
from .container import SwiftContainer
from .errors import SwiftRefused
from .facts import facts_of, is_marker, note_of, range_of, size_beyond


@dataclass(frozen=True)
class Reading:
    """Reads the objects of a container."""

    container: SwiftContainer

    def facts(self, key: str) -> Facts:
        """Return the facts of an object. One request.

        :raises fs.errors.ResourceNotFound: if there is none, or it is the marker of a directory.
        """
        return self.facts_in(key, self.container.unread_head(key).headers)

    def facts_in(self, key: str, headers: Mapping[str, str], size: int | None = None) -> Facts:
        """Return the facts that the headers of an answer tell.

        :param size: the length of the object in bytes, if the headers do not tell it.
        :raises fs.errors.ResourceNotFound: if it is the marker of a directory.
        """
        with odd_answers(self.container.name, key):
            facts = facts_of(headers, size)
        if is_marker(facts.content_type, facts.size):
            raise errors.ResourceNotFound(key)
        note = note_of(headers, self.container.path(key))
        return facts if note is None else replace(facts, note=note)

    def content(self, key: str, start: int, stop: int | None, unless: str | None) -> Content:
        """Do what :meth:`ObjectStore.get_object` does."""
        headers = {}
        if (asked := byte_range(start, stop)) is not None:
            headers["Range"] = asked
        if unless is not None:
            headers["If-None-Match"] = f'"{unless}"'
        try:
            response = self.container.read("GET", key, headers=headers)
        except SwiftRefused as error:
            if error.status != 416:
                raise
            size = size_beyond(error.headers)
            return Content(self.facts(key) if size is None else self.facts_in(key, error.headers, size))
        with closed_on_error(response):
            if response.status_code == 304 and unless is not None:
                raise Unchanged(key, unless)
            first, last, size = self._range(key, response)
            facts = self.facts_in(key, response.headers, size)
            return Content(facts, self._body(response, key), first, last)

    def content_again(self, key: str, facts: Facts, start: int, stop: int | None) -> Body:
        """Do what :meth:`ObjectStore.get_object_again` does."""
        headers = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
        if facts.etag is not None:
            headers["If-Match"] = f'"{facts.etag}"'
        try:
            response = self.container.read("GET", key, headers=headers)
        except SwiftRefused as error:
            if error.status != 412:
                raise
            raise replaced(key, error) from error
        with closed_on_error(response):
            require_start(key, self._range(key, response)[0], start)
        return self._body(response, key)

    def _range(self, key: str, response: Response) -> tuple[int, int, int]:
        with odd_answers(self.container.name, key):
            return range_of(response.status_code, response.headers)

    def _body(self, response: Response, key: str) -> Body:
        return HTTPBody(response.raw, response, self.container.errors(key))
