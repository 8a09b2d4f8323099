"""Runs steps with the package that an app moves from, in its own environment: takes a job in JSON, and gives answers.

Its Flask may be old.
"""

import hashlib
import importlib
import io
import json
import sys
from collections.abc import Callable
from typing import Any

import flask

job = json.load(sys.stdin)
peer = importlib.import_module(job["module"])
app = flask.Flask("peer")
app.config.update(job["settings"])
storages = {name: peer.Storage(name, peer.ALL) for name in job["storages"]}
peer.init_app(app, *storages.values())


def content_of(label, size):
    return hashlib.shake_128(label.encode()).digest(size)


def write(storage, files):
    """Store files in the two ways that there are, and tell their names."""
    names = {}
    for number, (label, name, size) in enumerate(files):
        content = content_of(label, size)
        if number % 2:
            names[label] = storage.save(io.BytesIO(content), name, overwrite=True)
        else:
            storage.write(name, content, overwrite=True)
            names[label] = name
    return names


def read(storage, names):
    """Tell what there is under each name; None without a file."""
    return {label: facts(storage, name) for label, name in names.items()}


def facts(storage, name):
    if not storage.exists(name):
        return None
    content = storage.read(name)
    metadata = storage.metadata(name)
    return {
        "content": hashlib.sha256(content).hexdigest(),
        "size": metadata["size"],
        "type": metadata["mime"],
        "checksum": metadata["checksum"],
    }


def encrypt(storage, files):
    """Store encrypted files in the two ways that there are: ``save`` encrypts nothing."""
    for name, size, whole in files:
        content = content_of(name, size)
        storage.write(name, content if whole else io.BytesIO(content))


def read_in_chunks(storage, names):
    """Tell of which files the chunks are the content."""
    return [name for name, size in names if chunks_of(storage, name) == content_of(name, size)]


def chunks_of(storage, name):
    try:
        return b"".join(storage.read_chunks(name))
    except Exception:
        return None


def list_files(storage):
    return sorted(storage.list_files())


def delete(storage, names):
    for name in names:
        storage.delete(name)


STEPS: dict[str, Callable[..., Any]] = {
    "write": write,
    "encrypt": encrypt,
    "read": read,
    "read in chunks": read_in_chunks,
    "list": list_files,
    "delete": delete,
}

answers = []
with app.test_request_context():
    for step in job["steps"]:
        answers.append(STEPS[step["do"]](storages[step["storage"]], *step["arguments"]))
json.dump(answers, sys.stdout)
