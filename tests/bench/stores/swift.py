"""A container of Swift: bare swiftclient, with a connection for each storage of a process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, ClassVar, cast

from drivers import BLOCK
from web import streaming, views

if TYPE_CHECKING:
    from workloads import Sizes

ENVIRONMENT = "FLASK_PYFS_SWIFT_"
ADDRESS = ("AUTHURL", "USER", "KEY")
SIGNING_KEY = "the key of the benchmark"


class Swift:
    """The server that the environment names, else one that the benchmark starts."""

    name = "swift"
    limits = {"save": 1.1, "read_chunks": 1.1, "copy": 1.1}
    memory = 32
    without = frozenset({"flask-storage"})
    clients: ClassVar[dict[str, Any]] = {}

    def __init__(self, area: Path) -> None:
        self.area = area

    @contextmanager
    def started(self) -> Iterator[None]:
        if ENVIRONMENT + "AUTHURL" in os.environ:
            yield
            return
        # the server is that of the tests
        sys.path.append(str(Path(__file__).parents[2]))
        from servers.openstack import openstack_swift

        with openstack_swift(self.area) as swift:
            found = (swift.auth_url, swift.user, swift.key)
            os.environ.update({ENVIRONMENT + key: value for key, value in zip(ADDRESS, found, strict=True)})
            allow_signed_urls()
            try:
                yield
            finally:
                for key in ADDRESS:
                    del os.environ[ENVIRONMENT + key]

    def sizes(self, sizes: Sizes) -> Sizes:
        # a request costs much more than a call of the operating system; the listing must need two, of 10,000 names each
        return type(sizes)(sizes.mb, sizes.small // 10, sizes.listing // 8)

    def settings(self) -> dict[str, Any]:
        settings = {f"FS_SWIFT_{key}": os.environ[ENVIRONMENT + key] for key in ADDRESS}
        own = {"FS_SWIFT_AUTH_VERSION": "1", "FS_SWIFT_CREATE_CONTAINER": True, "FS_SWIFT_TEMP_URL_KEY": SIGNING_KEY}
        return {"FS_BACKEND": "swift", **own, **settings}

    def raw(self, storage: str) -> RawSwift:
        return RawSwift(storage)


def allow_signed_urls() -> None:
    """Let the account know the key with which URLs are signed."""
    from swiftclient.client import Connection

    connection = Connection(*(os.environ[ENVIRONMENT + key] for key in ADDRESS), auth_version="1")
    connection.post_account({"X-Account-Meta-Temp-URL-Key": SIGNING_KEY})
    connection.close()


class RawSwift:
    """The shortest code for each operation."""

    def __init__(self, container: str) -> None:
        from swiftclient.client import Connection

        self._connection = Connection(*(os.environ[ENVIRONMENT + key] for key in ADDRESS), auth_version="1")
        self._container = container
        self._connection.put_container(container)

    def write(self, name: str, content: bytes) -> None:
        self._connection.put_object(self._container, name, content)

    def read(self, name: str) -> bytes:
        return cast(bytes, self._connection.get_object(self._container, name)[1])

    def exists(self, name: str) -> bool:
        from swiftclient.client import ClientException

        try:
            self._connection.head_object(self._container, name)
        except ClientException:
            return False
        return True

    def save(self, file: BinaryIO, name: str) -> None:
        self._connection.put_object(self._container, name, file)

    def copy(self, name: str, target: str) -> None:
        self._connection.copy_object(self._container, name, f"/{self._container}/{target}")

    def delete(self, name: str) -> None:
        self._connection.delete_object(self._container, name)

    def open(self, name: str, mode: str) -> IO[Any]:
        return cast(IO[Any], _Ranged(self._connection, self._container, name))

    def read_chunks(self, name: str) -> Iterator[bytes]:
        yield from self._connection.get_object(self._container, name, resp_chunk_size=BLOCK)[1]

    def serve(self, name: str) -> Iterator[bytes]:
        return self.read_chunks(name)

    @property
    def web(self) -> Any:
        return streaming(self.serve)

    url = "/raw"

    @cached_property
    def small(self) -> Any:
        return views(self.read, lambda upload, name: self.save(upload.stream, name))

    copes_with_threads = False

    def list_files(self) -> Iterator[str]:
        marker = ""
        while page := self._connection.get_container(self._container, marker=marker)[1]:
            for found in page:
                yield found["name"]
            marker = page[-1]["name"]


class _Ranged:
    """Reads from where it was set to, with one request."""

    def __init__(self, connection: Any, container: str, key: str) -> None:
        self._connection = connection
        self._object = (container, key)
        self._headers: dict[str, str] = {}
        self._body: Any = None

    def __enter__(self) -> _Ranged:
        return self

    def __exit__(self, *error: object) -> None:
        if self._body is not None:
            self._body.close()

    def seek(self, offset: int) -> None:
        self._headers["Range"] = f"bytes={offset}-"

    def read(self, size: int | None = None) -> bytes:
        if self._body is None:
            self._body = self._connection.get_object(*self._object, resp_chunk_size=BLOCK, headers=self._headers)[1]
        return cast(bytes, self._body.read(size))
