"""What a storage that moves asks its stores for."""

import pytest
from moving_storages import bring, moving, sides

pytestmark = pytest.mark.server


@pytest.fixture
def storage(app, request):
    with moving(app, request, "s3-moto", "s3-moto") as storage:
        source, target = sides(storage)
        source.write("source.txt", b"source")
        source.write("both.txt", b"both")
        target.write("target.txt", b"target")
        bring(storage, "both.txt")
        yield storage


@pytest.fixture
def asked(storage):
    """A function that returns what an operation asks of the source, and of the target."""
    # it opens both, and asks whether the migration is finished
    storage.exists("missing.txt")

    source, target = sides(storage)
    sent = []

    def note(request, event_name, **others):
        # both sides have one client
        sent.append((source if source.bucket_name in request.url else target, event_name.rpartition(".")[2]))

    def asked(operation):
        sent.clear()
        operation()
        return tuple([name for asked_of, name in sent if asked_of is side] for side in (source, target))

    events = target.store.client.meta.events
    events.register("before-send.s3", note)
    yield asked
    events.unregister("before-send.s3", note)


GET, HEAD, PUT = "GetObject", "HeadObject", "PutObject"

# for a file that is in the target, and for one that is in the source alone: what each store is asked
COSTS = {
    "read": (lambda storage, name: storage.read(name), ([], [GET]), ([GET], [GET])),
    "exists": (lambda storage, name: storage.exists(name), ([], [HEAD]), ([HEAD], [HEAD])),
    "size": (lambda storage, name: storage.size(name), ([], [HEAD]), ([HEAD], [HEAD])),
    "open": (lambda storage, name: storage.open(name, "rb").close(), ([], [GET]), ([GET], [GET])),
    "signed URL": (lambda storage, name: storage.url(name, expires=60), ([], [HEAD]), ([HEAD], [HEAD])),
    "URL": (lambda storage, name: storage.url(name), ([], []), ([], [])),
    "overwrite": (lambda storage, name: storage.write(name, "new", overwrite=True), ([], [PUT]), ([], [PUT])),
}


@pytest.mark.parametrize(("operation", "in_target", "in_source"), COSTS.values(), ids=COSTS)
def test_a_file_costs_one_request_more_only_in_the_source(storage, asked, operation, in_target, in_source):
    assert asked(lambda: operation(storage, "target.txt")) == in_target
    assert asked(lambda: operation(storage, "both.txt")) == in_target
    assert asked(lambda: operation(storage, "source.txt")) == in_source


def test_serving_costs_what_reading_does(app, storage, asked):
    client = app.test_client()
    etag = client.get(storage.url("target.txt")).headers["ETag"]
    for headers in ({}, {"Range": "bytes=0-1"}, {"If-None-Match": etag}):
        assert asked(lambda headers=headers: client.get("/files/target.txt", headers=headers)) == ([], [GET])
        assert asked(lambda headers=headers: client.get("/files/source.txt", headers=headers)) == ([GET], [GET])


def test_a_new_file_is_looked_for_on_both_sides(storage, asked):
    assert asked(lambda: storage.write("new.txt", "new")) == ([HEAD], [HEAD, PUT])


def test_a_listing_costs_one_of_each_side(storage, asked):
    assert asked(lambda: list(storage.entries())) == (["ListObjectsV2"], ["ListObjectsV2"])


def test_an_upload_url_of_the_target_costs_nothing(storage, asked):
    storage.upload_url("a.txt", expires=60)
    assert asked(lambda: storage.upload_url("a.txt", expires=60)) == ([], [])
