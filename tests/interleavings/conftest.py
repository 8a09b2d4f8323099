from __future__ import annotations

import uuid
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flask
import gates
import pytest
from boto3.session import Session
from servers.mongo import new_database
from swiftclient.client import Connection

import flask_pyfs as fs


@dataclass(frozen=True)
class Place:
    """Where two apps keep the same files.

    :param name: the store.
    :param settings: the settings of the storage.
    :param count: makes the gate count the requests of the store.
    :param cases: how many cases of an operation run without --soak.
    """

    name: str
    settings: dict[str, Any]
    count: Any
    cases: int

    @cached_property
    def apps(self) -> tuple[tuple[flask.Flask, fs.Storage], tuple[flask.Flask, fs.Storage]]:
        ours = self._configure(TIMEOUT=20) if self.name == "gridfs" else self._configure()
        # files in memory belong to one app
        return ours, ours if self.name == "memory" else self._configure()

    def _configure(self, **others: Any) -> tuple[flask.Flask, fs.Storage]:
        app, storage = flask.Flask("tests"), fs.Storage("files", fs.ALL)
        settings = {**self.settings, "BACKEND": self.name, **others}
        app.config.update({f"FILES_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, storage)
        return app, storage


STORES = ["memory", "local", *(pytest.param(name, marks=pytest.mark.server) for name in ("gridfs", "s3", "swift"))]


@pytest.fixture(scope="module", params=STORES)
def place(request, tmp_path_factory):
    """Each store in turn."""
    name = request.param
    with ExitStack() as stack:
        if name == "memory":
            yield Place(name, {}, gates.count_calls, 30)
        elif name == "local":
            yield Place(name, {"ROOT": str(tmp_path_factory.mktemp("files"))}, gates.count_system_calls, 20)
        elif name == "gridfs":
            mongo = request.getfixturevalue("mongo_standalone")
            settings = {"MONGO_URL": mongo.url, "MONGO_DB": stack.enter_context(new_database(mongo.url))}
            yield Place(name, settings, gates.count_nothing, 6)
        elif name == "s3":
            yield Place(name, bucket_on(request.getfixturevalue("moto_endpoint")), gates.count_http, 5)
        else:
            yield Place(name, container_on(request.getfixturevalue("swift_place"), stack), gates.count_requests, 4)


def bucket_on(endpoint):
    name = f"bucket-{uuid.uuid4()}"
    client = Session().client(
        "s3",
        endpoint_url=endpoint.url,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        region_name=endpoint.region,
    )
    client.create_bucket(Bucket=name)
    client.close()
    return {
        "ENDPOINT": endpoint.url,
        "ACCESS_KEY": endpoint.access_key,
        "SECRET_KEY": endpoint.secret_key,
        "REGION": endpoint.region,
        "ADDRESSING_STYLE": endpoint.addressing_style,
        "BUCKET": name,
    }


def container_on(swift, stack):
    name = f"container-{uuid.uuid4()}"
    connection = stack.enter_context(
        closing(Connection(swift.auth_url, swift.user, swift.key, auth_version="1", retries=1))
    )
    connection.put_container(name)
    return {"AUTHURL": swift.auth_url, "USER": swift.user, "KEY": swift.key, "AUTH_VERSION": 1, "CONTAINER": name}
