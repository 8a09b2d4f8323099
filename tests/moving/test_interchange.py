"""Files of Flask-FS, flask-fs2 and flask-storage are read here, replaced and deleted, and so are ours there.

The packages run in environments of their own. Both sides get the same settings. What differs is listed in
``DIFFERENCES``, with its reason; everything else must be the same.
"""

import hashlib
import io
import secrets
from dataclasses import dataclass
from itertools import chain

import flask
import pytest
from peers import KINDS, PEERS, Step, content_of, install

import flask_pyfs as fs

pytestmark = [pytest.mark.slow, pytest.mark.server]

# of the files that the peer puts in the place of ours
NEW_SIZE = 7

BY_LABEL = {kind.label: kind for kind in KINDS}

# what is not stored on local, by both
NOT_ON_LOCAL = {
    "leading slash": "the peers take it for the root of the disk",
    "in a directory beside a file": "no disk has a file and a directory of one name",
}

# what is only stored by the peers: they read it, replace it and delete it, and so do we
NEVER_NEW = {
    "backslash": "no new file gets a name that has no normal form",
    "control character": "no new file gets a name that has no normal form",
}


@dataclass(frozen=True)
class Difference:
    """A difference that the pages on migration describe: what the peer says of a file, and we do not."""

    peers: tuple[str, ...]
    backends: tuple[str, ...]
    fact: str
    there: str
    reason: str

    def covers(self, peer, backend, fact, there):
        return peer in self.peers and backend in self.backends and (fact, there) == (self.fact, self.there)


DIFFERENCES = (
    Difference(
        ("Flask-FS", "flask-fs2"),
        ("local", "gridfs"),
        "type",
        "application/x-tar",
        "the bytes of backup.tar.gz are gzip, and no client should decompress it",
    ),
    Difference(
        ("Flask-FS", "flask-fs2", "flask-storage"),
        ("s3",),
        "type",
        "binary/octet-stream",
        "S3 says this of objects that were stored without a type: we take the one of the name",
    ),
    Difference(
        ("Flask-FS", "flask-fs2"),
        ("gridfs",),
        "checksum",
        "md5:None",
        "current drivers have no md5: we keep one of our own, and say None where there is none",
    ),
)


@pytest.fixture
def settings(request, tmp_path):
    """The settings of all backends, by the keys that all packages know."""
    s3 = request.getfixturevalue("moto_endpoint")
    swift = request.getfixturevalue("swift_server").place
    mongo = request.getfixturevalue("mongo_standalone")
    return {
        "FS_SERVE": True,
        "FS_ROOT": str(tmp_path / "root"),
        "SERVER_NAME": "localhost",
        "FS_S3_ENDPOINT": s3.url,
        "FS_S3_REGION": s3.region,
        "FS_S3_ACCESS_KEY": s3.access_key,
        "FS_S3_SECRET_KEY": s3.secret_key,
        "FS_S3_CREATE_BUCKET": True,
        "FS_GRIDFS_MONGO_URL": mongo.url,
        "FS_GRIDFS_MONGO_DB": f"interchange-{secrets.token_hex(4)}",
        "FS_SWIFT_AUTHURL": swift.auth_url,
        "FS_SWIFT_USER": swift.user,
        "FS_SWIFT_KEY": swift.key,
        "FS_SWIFT_AUTH_VERSION": "1",
        "FS_SWIFT_CREATE_CONTAINER": True,
    }


class Exchange:
    """Two storages on a backend: one that the peer fills first, and one that we fill first."""

    def __init__(self, peer, backend):
        self.peer, self.backend = peer, backend
        part = f"{backend}-{secrets.token_hex(4)}"
        self.theirs, self.ours = fs.Storage(f"theirs-{part}", fs.ALL), fs.Storage(f"ours-{part}", fs.ALL)
        self.kinds = [kind for kind in KINDS if backend != "local" or kind.label not in NOT_ON_LOCAL]
        self.half = [kind.label for kind in self.kinds[::2]]
        self.problems = list[str]()
        self.known = set[Difference]()

    def settings(self):
        return {f"{storage.name.upper()}_FS_BACKEND": self.backend for storage in (self.theirs, self.ours)}

    # in the order in which they run

    def they_write(self):
        self.all_names = {kind.label: kind.name for kind in self.kinds}
        files = [[kind.label, kind.name, kind.size] for kind in self.kinds]
        yield Step(do="write", storage=self.theirs.name, arguments=[files])
        yield Step(do="read", storage=self.theirs.name, arguments=[self.all_names])
        yield Step(do="list", storage=self.theirs.name, arguments=[])

    def we_read(self, client, answers):
        """Read what they wrote, then replace half of it and delete the rest."""
        names, facts, listed = answers
        found = [digest(self.theirs.read(name)) for name in self.theirs.list_files()]
        self.expect("theirs", "all", "listed", len(listed), len(found))
        self.expect("theirs", "all", "listed content", {each["content"] for each in facts.values()}, set(found))
        for label, name in names.items():
            self.expect("theirs", label, "name", BY_LABEL[label].name, name)
            self.expect_facts("theirs", label, facts[label], facts_of(self.theirs, name))
            with client.get(self.theirs.url(name)) as answer:
                served = answer.status_code, digest(answer.data)
            self.expect("theirs", label, "served", (200, facts[label]["content"]), served)
        for label, name in names.items():
            with pytest.raises(fs.FileExists):
                self.theirs.write(name, b"refused")
            if label in self.half:
                self.theirs.write(name, f"new {label}", overwrite=True)
            else:
                self.theirs.delete(name)
                self.expect("theirs", label, "exists after delete", False, self.theirs.exists(name))

    def we_write(self):
        self.names, self.facts = {}, {}
        for number, kind in enumerate(self.kinds):
            file = io.BytesIO(kind.content)
            if kind.label in NEVER_NEW:
                with pytest.raises(fs.InvalidPath):
                    self.ours.write(kind.name, file)
                continue
            name = self.ours.save(file, kind.name) if number % 2 else self.ours.write(kind.name, file)
            self.names[kind.label], self.facts[kind.label] = name, facts_of(self.ours, name)

    def they_read(self):
        """Look at what we left of theirs, then read ours, replace half of it and delete the rest."""
        yield Step(do="read", storage=self.theirs.name, arguments=[self.all_names])
        yield Step(do="list", storage=self.theirs.name, arguments=[])
        yield Step(do="read", storage=self.ours.name, arguments=[self.names])
        yield Step(do="list", storage=self.ours.name, arguments=[])
        gone = [name for label, name in self.names.items() if label not in self.half]
        yield Step(do="delete", storage=self.ours.name, arguments=[gone])
        kept = [[label, name, NEW_SIZE] for label, name in self.names.items() if label in self.half]
        yield Step(do="write", storage=self.ours.name, arguments=[kept])

    def we_check(self, answers):
        theirs, theirs_listed, ours, ours_listed, _, _ = answers
        for label, facts in theirs.items():
            left = facts and facts["content"]
            self.expect(
                "theirs", label, "left by us", left, digest(f"new {label}".encode()) if label in self.half else None
            )
        self.expect("theirs", "all", "listed after that", len(theirs_listed), len(self.half))
        self.expect("ours", "all", "listed", ours_listed, sorted(self.names.values()))
        for label, facts in ours.items():
            self.expect_facts("ours", label, facts, self.facts[label])
        for label, name in self.names.items():
            left = self.ours.read(name) if self.ours.exists(name) else None
            self.expect(
                "ours", label, "left by them", content_of(label, NEW_SIZE) if label in self.half else None, left
            )

    # what they find

    def expect_facts(self, of, label, there, here):
        self.expect(of, label, "original content", digest(BY_LABEL[label].content), here["content"])
        for fact, value in here.items():
            self.expect(of, label, fact, there and there[fact], value)

    def expect(self, of, label, fact, there, here):
        """Compare what the peer and we found of a file."""
        if there == here:
            return
        known = [each for each in DIFFERENCES if each.covers(self.peer.name, self.backend, fact, there)]
        self.known.update(known)
        if not known:
            self.problems.append(f"{self.backend}: {of}: {label}: {fact}: there {there!r}, here {here!r}")


def facts_of(storage, name):
    metadata = storage.metadata(name)
    return {
        "content": digest(storage.read(name)),
        "size": metadata["size"],
        "type": metadata["mime"],
        "checksum": metadata["checksum"],
    }


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_files_of_both_sides(peer, settings, tmp_path):
    assert len(KINDS) == len(BY_LABEL) == 26
    exchanges = [Exchange(peer, backend) for backend in peer.backends]
    for exchange in exchanges:
        settings |= exchange.settings()
    app = flask.Flask("moved")
    app.config.update(settings)
    fs.init_app(app, *(storage for exchange in exchanges for storage in (exchange.theirs, exchange.ours)))
    client = app.test_client()

    def in_turns(package, steps_of):
        """Run the steps of all exchanges in one process of the peer; return the answers of each exchange."""
        steps = [list(steps_of(exchange)) for exchange in exchanges]
        answers = iter(package.run(settings, list(chain.from_iterable(steps))))
        return [[next(answers) for _ in each] for each in steps]

    package = install(peer, tmp_path / "venv")
    for exchange, answers in zip(exchanges, in_turns(package, Exchange.they_write), strict=True):
        exchange.we_read(client, answers)
        exchange.we_write()
    for exchange, answers in zip(exchanges, in_turns(package, Exchange.they_read), strict=True):
        exchange.we_check(answers)
    problems = [problem for exchange in exchanges for problem in exchange.problems]
    assert not problems, "\n".join(["differences that are not documented:", *problems])
    # what no longer differs must leave the list, and the pages
    known = set[Difference]().union(*(exchange.known for exchange in exchanges))
    assert known == {each for each in DIFFERENCES if peer.name in each.peers}
