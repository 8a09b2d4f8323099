"""A container of Swift, and what tests of the pieces in it do with uploads."""

from __future__ import annotations

import io
import json

from containers import bare_connection
from swiftclient.client import ClientException

from flask_pyfs.filesystems.swift.account import Account
from flask_pyfs.resumable.upload import Upload

SIZE = 100
DATA = bytes(range(256))
#: What makes the requests to Swift.
REQUESTS = [(Account, "request")]


def small_pieces(store):
    """Let pieces of so many bytes become segments; shorter ones are read, and sent again."""
    store.piece_size = store.part_size = store.small_upload = SIZE


class Bucket:
    """What Swift itself says of a container."""

    def __init__(self, place, container):
        self.connection, self.container = bare_connection(place), container

    def segments(self):
        """The names of all objects in the container of segments."""
        try:
            listed = self.connection.get_container(f"{self.container}_segments", full_listing=True)[1]
        except ClientException as error:
            if error.http_status != 404:
                raise
            listed = []
        return {each["name"] for each in listed}

    def of(self, key):
        """The names of the segments of an object, and of those of its segments."""
        return {name.split("/", 2)[2] for name in self._below(f"/{self.container}/{key}")}

    def _below(self, path):
        container, _, key = path[1:].partition("/")
        headers, body = self.connection.get_object(container, key, query_string="multipart-manifest=get")
        for each in json.loads(body) if "x-static-large-object" in headers else []:
            yield each["name"]
            if each.get("sub_slo"):
                yield from self._below(each["name"])


def append(upload, start, stop, data=DATA):
    return Upload.opened(upload.token).append(io.BytesIO(data[start:stop]), start)


def start(storage, begin, name="a.bin", *, length=256, **terms):
    return begin(storage, name, unique=False, length=length, **terms)


def swept(storage):
    """Remove all that is left of uploads."""
    storage.backend.config["upload_lifetime"] = -3600
    return storage.backend.remove_leftovers(-60)
