"""Wrong settings that only MongoDB can tell: each error names the setting and says what to do."""

import socket
from contextlib import closing, suppress
from types import SimpleNamespace
from urllib.parse import urlsplit

import pymongo
import pytest
from pymongo.errors import AutoReconnect, OperationFailure
from servers.faults import FaultProxy
from servers.mongo import mongod
from servers.process import HOST
from servers.tls import certificate
from wrong_settings import CALLS, check, wrong

import flask_pyfs as fs
from flask_pyfs.errors import translate
from flask_pyfs.filesystems.gridfs.advice import MongoPlace
from flask_pyfs.filesystems.gridfs.errors import mongo_errors

# isort: split
# after flask_pyfs, which lets fs do without pkg_resources
from fs import errors

pytestmark = pytest.mark.server

READS = ["read", "exists", "list_files"]
PASSWORD = "s3cret-word"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """The address of a server that asks for a password."""
    with mongod(tmp_path_factory.mktemp("guarded"), options=["--auth"]) as mongo:
        with closing(pymongo.MongoClient(mongo.url)) as client:
            # a server without users lets the first one be made from its own machine
            client.admin.command("createUser", "root", pwd=PASSWORD, roles=["root"])
        with closing(pymongo.MongoClient(mongo.url, username="root", password=PASSWORD)) as client:
            client.admin.command("createUser", "reader", pwd=PASSWORD, roles=[{"role": "read", "db": "media"}])
            client.admin.command("createUser", "nobody", pwd=PASSWORD, roles=[])
            client["Pictures"]["any"].insert_one({})
        yield urlsplit(mongo.url).netloc


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """The address of a server that wants TLS."""
    directory = tmp_path_factory.mktemp("secured")
    pem = str(certificate(directory, HOST).whole)
    options = ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", pem]
    with mongod(directory, options=options) as mongo:
        yield SimpleNamespace(address=urlsplit(mongo.url).netloc, pem=pem)


@pytest.fixture
def configure(configure_storage):
    """Configure a storage, with further settings."""

    def configure(url, **settings):
        return configure_storage(
            "files", {"BACKEND": "gridfs", "MONGO_URL": url, "MONGO_DB": "media", "TIMEOUT": 1, **settings}
        )

    return configure


def with_user(address, user="root", password=PASSWORD, options="authSource=admin", path=""):
    return f"mongodb://{user}:{password}@{address}/{path}?{options}"


# Out of reach


def test_a_server_that_is_down(app, configure, unused_port):
    url = with_user(f"{HOST}:{unused_port}")
    wrong(app, configure(url), fs.BackendError, f"MONGO_URL mongodb://{HOST}:{unused_port}", "refused the connection")


def test_several_servers_that_are_down(app, configure, unused_port):
    url = f"mongodb://{HOST}:{unused_port},localhost:{unused_port}/?replicaSet=tests"
    wrong(app, configure(url), fs.BackendError, "MONGO_URL", "refused the connection")


@pytest.mark.parametrize("scheme", ["mongodb", "mongodb+srv"])
def test_a_host_that_is_unknown(app, configure, scheme):
    url = f"{scheme}://user:{PASSWORD}@nowhere.invalid/"
    wrong(app, configure(url), fs.BackendError, f"the host of MONGO_URL {scheme}://nowhere.invalid is unknown")


def test_a_server_that_does_not_answer(app, configure):
    with socket.create_server((HOST, 0)) as silent:
        url = with_user(f"{HOST}:{silent.getsockname()[1]}")
        wrong(app, configure(url), fs.BackendError, "MONGO_URL", "did not answer in 1 s", "TIMEOUT")


def test_tls_on_a_port_without_it(app, configure, guarded):
    storage = configure(with_user(guarded, options="tls=true"), TIMEOUT=2)
    wrong(app, storage, fs.BackendError, "MONGO_URL", "does not speak TLS on this port", "tls=false in MONGO_URL")


def test_no_tls_on_a_port_with_it(app, configure, secured):
    wrong(app, configure(f"mongodb://{secured.address}/"), fs.BackendError, "MONGO_URL", "set tls=true in MONGO_URL")


def test_a_certificate_that_is_not_trusted(app, configure, secured):
    storage = configure(f"mongodb://{secured.address}/?tls=true", TIMEOUT=2)
    wrong(app, storage, fs.BackendError, "certificate", "MONGO_URL", "tlsCAFile in MONGO_URL")


def test_a_certificate_that_is_trusted(app, configure, secured):
    storage = configure(f"mongodb://{secured.address}/?tls=true&tlsCAFile={secured.pem}", TIMEOUT=10)
    with app.app_context():
        assert not storage.exists("a.txt")


@pytest.mark.parametrize("option", ["tlsCAFile", "tlsCertificateKeyFile"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_tls_that_is_none(app, configure_storage, secured, tmp_path, option, content):
    file = tmp_path / "s3cret.pem"
    if content:
        file.write_text(content)
    url = f"mongodb://{secured.address}/?tls=true&{option}={file}"
    # the driver or the server says it, at once or at the first use
    with app.app_context(), pytest.raises(fs.ConfigurationError) as raised:
        configure_storage("files", {"BACKEND": "gridfs", "MONGO_URL": url, "MONGO_DB": "media"}).exists("a.txt")
    check(str(raised.value), [url], "files", "MONGO_URL", option)


# Who is refused


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (("root", "wr0ng-word"), ["authSource", "now 'admin'"]),
        (("rood", PASSWORD), ["authSource", "now 'admin'"]),
        (("root", PASSWORD, "", "media"), ["authSource", "now 'media'; most users are in 'admin'"]),
        (("root", PASSWORD, "authSource=other"), ["authSource", "now 'other'"]),
    ],
)
def test_a_login_that_is_refused(app, configure, guarded, url, said):
    storage = configure(with_user(guarded, *url), TIMEOUT=5)
    said = [f"MONGO_URL mongodb://{guarded}", "refused its user or password", *said]
    wrong(app, storage, fs.PermissionDenied, *said, hidden=["wr0ng-word", PASSWORD])


def test_a_login_that_is_missing(app, configure, guarded):
    storage = configure(f"mongodb://{guarded}/", TIMEOUT=5)
    wrong(app, storage, fs.PermissionDenied, "MONGO_URL", "wants a login", "user:password@")


@pytest.mark.parametrize(
    ("user", "calls", "does"),
    [("reader", ["write"], "write"), ("nobody", ["write"], "write"), ("nobody", READS, "read")],
)
def test_a_user_without_the_right(app, configure, guarded, user, calls, does):
    storage = configure(with_user(guarded, user), TIMEOUT=5)
    said = (
        f"may not {does}" if calls == READS or user == "reader" else "may not",
        "MONGO_DB 'media'",
        "role readWrite",
    )
    wrong(app, storage, fs.PermissionDenied, *said, calls=calls)


# The replica set


@pytest.mark.parametrize("alone", [False, True])
def test_a_name_of_a_replica_set_that_is_wrong(app, configure, mongo_replica, guarded, alone):
    address = guarded if alone else urlsplit(mongo_replica.url).netloc
    storage = configure(f"mongodb://{address}/?replicaSet=rs0")
    wrong(app, storage, fs.ConfigurationError, "MONGO_URL", "'rs0'", "correct replicaSet", "alone")


@pytest.fixture(scope="module")
def secondary(tmp_path_factory):
    """The URL of a server of a replica set that has no primary."""
    with mongod(tmp_path_factory.mktemp("secondary"), replica=True) as mongo:
        # some versions hang up as they step down
        with closing(pymongo.MongoClient(mongo.url, directConnection=True)) as client, suppress(AutoReconnect):
            client.admin.command({"replSetStepDown": 3600, "force": True})
        yield mongo.url


def test_a_replica_set_without_a_primary(app, configure, secondary):
    wrong(
        app, configure(secondary), fs.BackendError, "the replica set of MONGO_URL", "has no primary now", "rs.status()"
    )


def test_a_server_that_is_no_primary(app, configure, secondary):
    url = f"{secondary.partition('?')[0]}?directConnection=true"
    said = ("MONGO_URL", "is not the primary", "replicaSet in place of directConnection")
    wrong(app, configure(url), fs.BackendError, *said, calls=["write"])


def test_a_read_preference_that_no_server_matches(app, configure, mongo_replica):
    storage = configure(f"{mongo_replica.url}&readPreference=secondary")
    wrong(app, storage, fs.BackendError, "MONGO_URL", "readPreference", calls=READS)


def test_a_member_whose_name_leads_nowhere(app, configure, tmp_path):
    with mongod(tmp_path, replica=True) as mongo, FaultProxy(HOST, mongo.process.port) as proxy:
        with closing(pymongo.MongoClient(HOST, mongo.process.port, directConnection=True)) as client:
            settings = client.admin.command("replSetGetConfig")["config"]
            settings["members"][0]["host"] = f"{HOST}:{proxy.port}"
            client.admin.command("replSetReconfig", {**settings, "version": settings["version"] + 1}, force=True)
        # as in a container, whose name only the other containers know
        proxy.refuse()
        url = f"mongodb://{HOST}:{mongo.process.port}/"
        said = (
            "replica set of MONGO_URL",
            f"'{HOST}:{proxy.port}'",
            "cannot be reached from here",
            "directConnection=true",
        )
        wrong(app, configure(url), fs.BackendError, *said)
        with app.app_context():
            assert not configure(f"{url}?directConnection=true", TIMEOUT=10).exists("a.txt")


# Options and names that the server refuses


@pytest.mark.parametrize(
    ("options", "said", "calls"),
    [
        ("w=majorty", ["w in MONGO_URL", "'majorty'", "w=majority"], ["write"]),
        ("w=5", ["w in MONGO_URL", "w=majority"], ["write"]),
        ("readConcernLevel=majorty", ["readConcernLevel in MONGO_URL", "'majority'"], READS),
    ],
)
def test_options_that_the_server_does_not_know(app, configure, mongo_replica, options, said, calls):
    storage = configure(f"{mongo_replica.url}&{options}", TIMEOUT=10)
    wrong(app, storage, fs.ConfigurationError, *said, calls=calls)


@pytest.mark.parametrize(("user", "options"), [("", "loadBalanced=true"), ("root%40example@", "authMechanism=GSSAPI")])
def test_options_that_the_driver_refuses_later(app, configure, guarded, user, options):
    storage = configure(f"mongodb://{user}{guarded}/?{options}", TIMEOUT=5)
    wrong(app, storage, fs.ConfigurationError, f"MONGO_URL mongodb://{guarded}", "cannot be used as it is")


def test_a_database_of_other_case(app, configure, guarded):
    storage = configure(with_user(guarded), MONGO_DB="pictures", TIMEOUT=5)
    said = ("MONGO_DB 'pictures'", "upper and lower case", "set it to 'Pictures'")
    wrong(app, storage, fs.ConfigurationError, *said, calls=["write"])


@pytest.mark.parametrize(
    ("settings", "key", "calls"),
    [
        ({"MONGO_DB": "x" * 64}, "MONGO_DB", CALLS),
        ({"MONGO_DB": "me.dia"}, "MONGO_DB", CALLS),
        ({"BUCKET": "fi$les"}, "BUCKET", CALLS),
        ({"BUCKET": "x" * 250}, "BUCKET", ["write"]),
    ],
)
def test_names_that_the_server_refuses(app, configure_storage, mongo_replica, settings, key, calls):
    given = {"BACKEND": "gridfs", "MONGO_URL": mongo_replica.url, "MONGO_DB": "media", **settings}
    for name in calls:
        # at init_app, or at the first use
        with app.app_context(), pytest.raises(fs.ConfigurationError) as raised:
            CALLS[name](configure_storage("files", given))
        check(str(raised.value), [], key, "bytes" if "x" in str(settings) else key)


def test_what_a_caller_handles_is_not_the_reason(app, configure, guarded):
    storage = configure(with_user(guarded, "reader"), TIMEOUT=5)
    with app.app_context():
        try:
            raise ConnectionRefusedError("connection refused")
        except ConnectionRefusedError:
            with pytest.raises(fs.PermissionDenied, match="MONGO_DB 'media'"):
                storage.write("a.txt", b"new")


# MongoDB shows the command that it refuses, and the value that an index has already
NAMES = [
    "requires authentication",
    "readConcern",
    "timed out",
    "connection refused",
    "match selector",
    "too many open files",
]


def test_a_refusal_that_shows_the_name_of_a_file(app, configure, guarded):
    storage = configure(with_user(guarded, "nobody"), TIMEOUT=5)
    with app.app_context():
        for name in NAMES:
            with pytest.raises(fs.PermissionDenied, match="may not read in MONGO_DB 'media'"):
                storage.read(name)


def test_an_index_of_others_that_shows_the_name_of_a_file(app, configure, mongo_replica):
    storage = configure(mongo_replica.url, MONGO_DB="unique", TIMEOUT=5)
    with app.app_context(), closing(pymongo.MongoClient(mongo_replica.url)) as client:
        client["unique"]["files.files"].create_index("filename", unique=True)
        for name in NAMES:
            storage.write(name, b"old")
            with pytest.raises(fs.FSError) as raised:
                storage.write(name, b"new", overwrite=True)
            assert type(raised.value) is fs.FSError
            assert "MONGO_URL" not in str(raised.value)
        client.drop_database("unique")


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("bad auth : Authentication failed.", fs.PermissionDenied, "refused its user or password"),
        ("user is not allowed to do action [insert] on [media.files.chunks]", fs.PermissionDenied, "may not write"),
        ("user is not allowed to do action [find] on [media.files.files]", fs.PermissionDenied, "may not read"),
        ("not authorized on media to execute command { find: 1 }", fs.PermissionDenied, "may not read"),
        ("you are over your space quota, using 513 MB of 512 MB", fs.FSError, "no space left"),
    ],
)
def test_what_atlas_answers(text, kind, said):
    # it has one code for all of this
    place = MongoPlace("mongodb+srv://u:p@c.example.org/", "media", "files", 5)
    with pytest.raises(errors.FSError) as raised, mongo_errors(place, "a.txt"):
        raise OperationFailure(text, 8000)
    told = translate(raised.value, "files", "a.txt")
    assert type(told) is kind
    assert said in str(told)
