"""References on every store: what they know of their files, and the pages of an app whose storage is private."""

import io
import re
import urllib.request
from html import unescape
from urllib.parse import urlsplit

import flask
import pytest
from PIL import Image
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.fields.file import FileReference
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import FileSettings, ImageSettings
from flask_pyfs.sqlalchemy import FileType, ImageType, file_column

SIZES = [0, 5, 300_000, 9 * 1024 * 1024]


@pytest.fixture
def storage(app, each_place):
    storage = fs.Storage("papers", fs.ALL)
    app.config.update({f"PAPERS_FS_{key}": value for key, value in each_place.items()})
    fs.init_app(app, storage)
    with app.app_context():
        yield storage
        storage.fs.close()


def noise(width, height):
    file = io.BytesIO()
    Image.effect_noise((width, height), 90).save(file, "JPEG")
    file.seek(0)
    return file


@pytest.mark.parametrize("size", SIZES)
def test_what_is_kept_is_what_the_store_has(storage, size):
    content = bytes(range(250)) * (size // 250) + b"x" * (size % 250)
    for name, file in (("a.txt", io.BytesIO(content)), ("b.unknown", FileStorage(io.BytesIO(content), "b"))):
        reference = FileReference(FileSettings(storage))
        reference.save(file, name)
        kept = reference.to_row() or {}
        found = storage.metadata(name)
        assert (kept["size"], kept["content_type"]) == (found["size"], found["mime"]) == (size, found["mime"])
        # a store keeps none of a file that was sent in parts
        assert kept["checksum"] == found["checksum"] or (size > 8_000_000 and found["checksum"] is None)
        asked = FileReference(FileSettings(storage), {"filename": name})
        assert (asked.size, asked.content_type, asked.checksum) == (size, found["mime"], found["checksum"])


def test_images(storage):
    kept = ImageReference(ImageSettings(storage, max_size=900, thumbnails=[50]))
    kept.save(noise(1200, 800), "a.jpg")
    asked = ImageReference(ImageSettings(storage), {"filename": "a.jpg"})
    assert (kept.width, kept.height) == (asked.width, asked.height) == (900, 600)
    assert kept.size == asked.size == storage.metadata("a.jpg")["size"]


def test_requests(counted):
    storage = counted.storage
    with counted.client.application.app_context():
        reference = ImageReference(ImageSettings(storage))
        content = noise(1200, 800).read()
        with counted.count() as plain:
            storage.save(io.BytesIO(content), "plain.jpg")
        with counted.count() as requests:
            reference.save(io.BytesIO(content), "a.jpg")
        assert len(requests) == len(plain)
        with counted.count() as requests:
            assert (reference.to_json() or {})["size"] == len(content)
            assert (reference.size, reference.width, reference.checksum is None) == (len(content), 1200, False)
        assert len(requests) == 0
        old = ImageReference(ImageSettings(storage), {"filename": "a.jpg"})
        with counted.count() as requests:
            assert (old.width, old.height, old.size, old.content_type) == (1200, 800, len(content), "image/jpeg")
        # GridFS sends the document of a file and its chunks
        assert len(requests) <= (3 if counted.kind == "gridfs" else 1)


PAGE = """
<img src="{{ user.avatar(50) }}" srcset="{{ user.avatar.srcset() }}" width="{{ user.avatar.width }}">
<a href="{{ user.cv }}">{{ user.cv.original_name }}, {{ user.cv.size }} bytes</a>
<a href="{{ user.cv.download_url }}">save</a> <a href="{{ user.avatar.full() }}">whole</a>
"""


def may_read(access):
    return access.signed or flask.request.headers["X-User"] == "ann"


def get(client, url, **headers):
    """Return the status, the headers and the body of a URL of the app or of a store."""
    if urlsplit(url).netloc:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    with client.get(url, headers=headers) as answer:
        return answer.status_code, answer.headers, answer.data


def test_a_private_storage_in_a_page(app, each_place):
    papers = fs.Storage("papers", fs.ALL)

    class Base(DeclarativeBase):
        pass

    class User(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        avatar = file_column(ImageType(papers, thumbnails=[50, 100]))
        cv = file_column(FileType(papers))

    app.config.update({f"PAPERS_FS_{key}": value for key, value in each_place.items()})
    app.config.update(PAPERS_FS_PRIVATE=True, PAPERS_FS_AUTHORIZE=may_read)
    fs.init_app(app, papers)
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)

    @app.get("/")
    def show():
        return flask.render_template_string(PAGE, user=user)

    @app.get("/json")
    def data():
        return flask.jsonify(users=[{"avatar": user.avatar, "cv": user.cv}])

    with app.app_context(), Session(engine) as session:
        user = User(id=1)
        session.add(user)
        user.avatar.save(noise(300, 200), "a.jpg")
        user.cv.save(FileStorage(io.BytesIO(b"content"), "Bericht 2026.pdf"), "cv.pdf")
        session.commit()

        client = app.test_client()
        statuses = {}
        for name in ("ann", "bob"):
            page = client.get("/", headers={"X-User": name})
            known = client.get("/json", headers={"X-User": name})
            assert (page.status_code, known.status_code) == (200, 200)
            assert 'width="300"' in page.text
            assert "Bericht 2026.pdf, 7 bytes" in page.text
            urls = re.findall(r'(?:src|href)="([^"]+)"', page.text)
            urls += [choice.split(" ")[0] for choice in re.findall(r'srcset="([^"]+)"', page.text)[0].split(", ")]
            urls = [unescape(url) for url in urls] + [each["url"] for each in known.json["users"][0].values()]
            assert len(urls) == 8
            answers = [get(client, url, **{"X-User": name}) for url in urls]
            statuses[name] = {status for status, _, _ in answers}
            if name == "ann":
                assert answers[1][2] == b"content"
                assert "Bericht" in answers[2][1]["Content-Disposition"]
                sizes = [Image.open(io.BytesIO(answers[number][2])).size for number in (0, 3, 4, 5)]
                assert sizes == [(50, 50), (300, 200), (50, 50), (100, 100)]
            else:
                assert {urlsplit(url).query.replace("download=Bericht%202026.pdf", "") for url in urls} == {""}
        assert statuses == {"ann": {200}, "bob": {403}}
        papers.fs.close()
    engine.dispose()
