"""The app's route on a storage that moves: each part of a file, from the side that has it."""

import pytest
from moving_storages import bring, moving, settle, sides
from PIL import Image

from flask_pyfs import images

pytestmark = pytest.mark.server

CONTENT = bytes(range(256)) * 40

PAIRS = [("local", "s3-moto"), ("s3-moto", "local"), ("gridfs", "swift"), ("memory", "memory")]


@pytest.fixture(params=PAIRS, ids="-".join, scope="module")
def kinds(request):
    return request.param


@pytest.fixture(params=["forward", "back"])
def storage(app, request, kinds):
    with moving(app, request, *kinds, DIRECTION=request.param) as storage:
        source, target = sides(storage)
        source.write("source.bin", CONTENT)
        target.write("target.bin", CONTENT)
        source.write("both.bin", CONTENT)
        bring(storage, "both.bin")
        source.write("deleted.bin", CONTENT)
        storage.delete("deleted.bin")
        yield storage


def test_ranges_and_conditions(app, storage):
    client = app.test_client()
    for name in ("source.bin", "target.bin", "both.bin"):
        url = storage.url(name)

        def get(method="GET", url=url, **headers):
            return client.open(url, method=method, headers=headers, buffered=True)

        whole = get()
        assert (whole.status_code, whole.data, whole.content_length) == (200, CONTENT, len(CONTENT))
        head = get("HEAD")
        assert (head.status_code, head.data, head.content_length) == (200, b"", len(CONTENT))
        part = get(Range="bytes=1000-1009")
        assert (part.status_code, part.data) == (206, CONTENT[1000:1010])
        assert get(Range="bytes=-3").data == CONTENT[-3:]
        assert get(Range=f"bytes={len(CONTENT)}-").status_code == 416
        etag = whole.headers["ETag"]
        assert get(**{"If-None-Match": etag}).status_code == 304
        assert get(**{"If-Match": '"another"'}).status_code == 412
        assert get(**{"If-Range": etag, "Range": "bytes=0-1"}).data == CONTENT[:2]
        assert get(**{"If-Range": '"another"', "Range": "bytes=0-1"}).data == CONTENT
    for method in ("GET", "HEAD"):
        for headers in ({}, {"Range": "bytes=0-1"}, {"Range": "bytes=90000-"}, {"If-None-Match": "*"}):
            answer = client.open(storage.url("deleted.bin"), method=method, headers=headers)
            assert answer.status_code == 404, (method, headers)


def test_an_overwritten_file_is_not_the_one_that_a_client_has(app, storage):
    client = app.test_client()
    old = client.get(storage.url("source.bin"), buffered=True).headers["ETag"]
    storage.write("source.bin", b"new", overwrite=True)
    answer = client.get(storage.url("source.bin"), headers={"If-None-Match": old}, buffered=True)
    assert (answer.status_code, answer.data) == (200, b"new")


def test_a_file_that_moves_while_it_is_sent_arrives_whole(app, storage):
    answer = app.test_client().get(storage.url("source.bin"))
    rest = answer.iter_encoded()
    first = next(rest)
    bring(storage, "source.bin")
    settle(storage, "source.bin")
    assert first + b"".join(rest) == CONTENT
    answer.close()


def test_thumbnails_of_an_image_on_the_other_side(storage, tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (300, 200), "red").save(path)
    sides(storage)[0].write("a.png", path.read_bytes())
    with storage.open("a.png", "rb") as file:
        thumbnail = images.center_thumbnail(file, 50)
    storage.write("a-50.png", thumbnail.read())
    with storage.open("a-50.png", "rb") as file, Image.open(file) as image:
        assert image.size == (50, 50)
