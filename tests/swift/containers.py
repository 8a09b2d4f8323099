"""Containers for tests, on a Swift that they share."""

import uuid
from contextlib import closing, contextmanager

from servers.openstack import swift_from_environment
from swiftclient.client import ClientException, Connection

from flask_pyfs.filesystems.swift import SwiftFS


def bare_connection(place):
    """A connection of the driver."""
    return Connection(place.auth_url, place.user, place.key, auth_version="1", retries=1)


@contextmanager
def new_container(place):
    """Make an empty container. On a server that is not of the tests it is gone after the block, with its segments."""
    name = f"container-{uuid.uuid4()}"
    with closing(bare_connection(place)) as connection:
        connection.put_container(name)
        try:
            yield name
        finally:
            # the server of the tests goes with all that it has, and is slow to delete
            if swift_from_environment():
                for container in (name, f"{name}_segments"):
                    clear_container(connection, container)


def clear_container(connection, container):
    try:
        for found in connection.get_container(container, full_listing=True)[1]:
            connection.delete_object(container, found["name"])
        connection.delete_container(container)
    except ClientException as error:
        if error.http_status != 404:
            raise


def open_container(place, container, **parameters):
    """Open a container as a filesystem."""
    return SwiftFS(container, place.auth_url, place.user, place.key, **parameters)
