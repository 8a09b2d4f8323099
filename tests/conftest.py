import gc
import os
import signal
import socket
from contextlib import ExitStack, closing, contextmanager
from functools import cache, partial
from pathlib import Path

import botocore.session
import flask
import hypothesis
import pymongo
import pytest
from fewer import some_of_each
from servers import process
from servers.chromium import chromium
from servers.clamd import clamd as running_clamd
from servers.mongo import empty_database, mongo_from_environment, new_database, shared_mongod
from servers.openstack import openstack_swift, swift_from_environment
from servers.s3 import moto_server, swift_s3
from servers.sharing import shared
from werkzeug.routing import Rule

import flask_pyfs as fs

pytest.register_assert_rewrite("flask_pyfs.testing", "failures", "load", "underfaults", "underload")

# how long an example takes depends on the machine, and on what else runs there
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
# --hypothesis-profile=few: on another Python or Flask, which examples fail is rarely what differs
hypothesis.settings.register_profile("few", hypothesis.settings.get_profile("untimed"), max_examples=20)
hypothesis.settings.load_profile("untimed")

# who uses one of these fixtures uses what they start, or takes long where it is asked to
MARKS = {
    "server": {"swift_server", "moto_endpoint", "mongo_replica", "mongo_standalone"}
    | {"swift_place", "s3_endpoint", "mongo", "mongo_url", "ftp_server", "place_on", "clamd"},
    "browser": {"browser"},
    "slow": {"soak"},
}
MOST_WORKERS = 8

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # so do scripts start what runs in the background; programs that the tests start would ignore Ctrl-C as well
    signal.signal(signal.SIGINT, signal.default_int_handler)

# each client would read the descriptions of all services again, which takes five times as long as all else
botocore.session.create_loader = cache(botocore.session.create_loader)


def compiled_once(compile_builder):
    """Remember what Werkzeug compiles: all apps of the tests have the same few rules, at a millisecond each."""
    known = {}

    def compile_once(rule, append_unknown=True):
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = rule.rule, *rule._trace, append_unknown
        if key not in known:
            known[key] = compile_builder(rule, append_unknown)
        return known[key]

    return compile_once


if hasattr(Rule, "_compile_builder"):
    Rule._compile_builder = compiled_once(Rule._compile_builder)  # type: ignore[method-assign]

# the files of most tests need not survive a crash of the machine, so nobody waits for the disk: see real_fsync
FSYNC, os.fsync = os.fsync, os.fstat  # type: ignore[assignment]

# where it is set, each of the many processes that the tests start would compile the package, which takes a second
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser, pluginmanager):
    parser.addoption("--soak", action="store_true", help="run the long tests at their full size")
    # on another Python or Flask, which of them fail is rarely what differs
    parser.addoption("--rows", type=int, metavar="N", help="run each test function with at most N of its parameters")
    if not pluginmanager.hasplugin("xdist"):
        # setup.cfg gives them, and without pytest-xdist they have no meaning
        for option in ("--numprocesses", "--dist"):
            parser.addoption(option, help="ignored without pytest-xdist")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Return one worker more than there are processors, as many tests wait; for single files no more than files."""
    paths = {Path(argument.partition("::")[0]) for argument in config.args}
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = min(processors + 1, MOST_WORKERS)
    if any(map(Path.is_dir, paths)):
        return most
    return min(most, len(paths)) if len(paths) > 1 else 0


def pytest_itemcollected(item):
    for mark, fixtures in MARKS.items():
        if not fixtures.isdisjoint(item.fixturenames):
            item.add_marker(mark)


RANKS: dict[pytest.Collector | pytest.Item, int] = {}


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Let each worker begin with other modules: the first that comes to one compiles it for all, which takes long."""
    report = yield
    if isinstance(collector, pytest.Directory):
        found = report.result
        RANKS.update((node, rank) for rank, node in enumerate(found))
        worker = getattr(collector.config, "workerinput", {"workerid": "gw0", "workercount": 1})
        first = len(found) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
        report.result = [*found[first:], *found[:first]]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    # all workers have them in one order
    items.sort(key=lambda item: [RANKS[node] for node in item.listchain() if node in RANKS])


@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def pytest_leave_out_rows(config, items):
    if config.getoption("--rows"):
        kept = some_of_each(items, lambda item: item.nodeid.partition("[")[0], config.getoption("--rows"))
        left = {*kept}
        config.hook.pytest_deselected(items=[item for item in items if item not in left])
        items[:] = kept


def pytest_collection_finish():
    leave_to_the_end()


def leave_to_the_end():
    """Let the garbage collector not examine again what there is, which stays: mostly modules and tests."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    marked = any(map(item.get_closest_marker, ("server", "browser")))
    process.unmarked = None if marked else item.nodeid
    result = yield
    if nextitem is None or nextitem.path != item.path:
        # collecting and forking take ten times as long after some thousand tests
        leave_to_the_end()
    return result


@pytest.fixture(scope="session")
def soak(request):
    """Whether the long tests run at full size."""
    return request.config.getoption("--soak")


@pytest.fixture
def app(tmp_path):
    app = flask.Flask("tests", instance_path=str(tmp_path / "instance"))
    app.config.update(FS_ROOT=str(tmp_path / "root"), FS_SERVE=True, SECRET_KEY="secret")
    return app


@pytest.fixture
def configure_storage(app):
    """A function that configures a storage for all file types, from a name and settings without their prefix."""

    def configure_storage(name, settings):
        storage = fs.Storage(name, fs.ALL)
        app.config.update({f"{name.upper()}_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, storage)
        return storage

    return configure_storage


@pytest.fixture
def hasty(monkeypatch):
    """Ends and turns of migrations that wait less."""
    from flask_pyfs.filesystems.migrating import journal

    monkeypatch.setattr(journal, "MAX_AGE", 0.1)
    monkeypatch.setattr(journal, "SLACK", 0.05)


@pytest.fixture
def real_fsync(monkeypatch):
    """The fsync of the system, also for the code under test."""
    monkeypatch.setattr(os, "fsync", FSYNC)
    return FSYNC


@pytest.fixture
def unused_port():
    """A port of the local host on which nothing listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield server.getsockname()[1]


@pytest.fixture(scope="session")
def share(request, tmp_path_factory):
    """Start a server in a directory of its own, or get the one that another process of this run has started."""
    directory = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        # that of a worker is in the one of all
        directory = directory.parent
    with ExitStack() as stack:
        yield lambda name, start: stack.enter_context(shared(directory / name, start))


@pytest.fixture(scope="session")
def swift_server(share):
    """OpenStack Swift, shared by all tests."""
    return share("swift", openstack_swift)


@pytest.fixture(scope="session")
def swift_place(request):
    """The address and user of the Swift that the environment names, or else of the one that the tests start."""
    return swift_from_environment() or request.getfixturevalue("swift_server").place


@pytest.fixture(scope="session")
def moto_endpoint(share):
    """The S3 of moto, shared by all tests."""
    return share("moto", moto_server)


@pytest.fixture(scope="session")
def swift_endpoint(swift_server):
    """The S3 interface of OpenStack Swift."""
    return swift_s3(swift_server)


@pytest.fixture(scope="session")
def mongo_replica(share):
    """MongoDB as a replica set with one node, shared by all tests."""
    return share("replica", partial(shared_mongod, replica=True))


@pytest.fixture(scope="session")
def mongo_standalone(share):
    """MongoDB without a replica set, shared by all tests."""
    return share("standalone", shared_mongod)


@pytest.fixture(scope="session")
def mongo_url(request):
    """The URL of a MongoDB: the one that the environment names, or that of the tests."""
    return (mongo_from_environment() or request.getfixturevalue("mongo_standalone")).url


@pytest.fixture(scope="session")
def empty_databases(request):
    """The URL of a MongoDB, and a context manager for the name of an empty database; its indexes may be there."""
    url = (mongo_from_environment() or request.getfixturevalue("mongo_replica")).url
    # to make one and its indexes takes longer than most tests
    free: list[str] = []
    with ExitStack() as stack:
        client = stack.enter_context(closing(pymongo.MongoClient(url)))

        @contextmanager
        def taken():
            name = free.pop() if free else stack.enter_context(new_database(url))
            try:
                yield name
            finally:
                empty_database(client[name])
                free.append(name)

        yield url, taken


@pytest.fixture(scope="session")
def mongoengine_database(mongo_url):
    """mongoengine, connected to an empty database, and the name of that."""
    import mongoengine

    with new_database(mongo_url) as name:
        mongoengine.connect(name, host=mongo_url, uuidRepresentation="standard")
        yield name
        mongoengine.disconnect()


@pytest.fixture(scope="session", params=["other"] if mongo_from_environment() else ["replica", "standalone"])
def mongo(request):
    """Each MongoDB in turn; only the one that the environment names, if it names one."""
    return mongo_from_environment() or request.getfixturevalue(f"mongo_{request.param}")


@pytest.fixture(scope="session")
def mongo_database(mongo):
    """The name of a database, shared by all tests."""
    with new_database(mongo.url) as name:
        yield name


@pytest.fixture(scope="session")
def clamd(share):
    """A daemon of ClamAV that knows one signature, that of EICAR, shared by all tests."""
    return share("clamd", running_clamd)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """One Chromium for all tests."""
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def page(browser):
    with browser.page() as page:
        yield page
