"""What references know of their files: kept at save, or asked of the store."""

# mypy: disable-error-code="override"

import copy
import hashlib
import io
import json
import pickle
from contextlib import suppress

import pytest
from databases import sqlite
from PIL import Image
from sqlalchemy import select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.backends.memory import MemoryBackend
from flask_pyfs.fields.file import FileReference
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import FileSettings, ImageSettings
from flask_pyfs.sqlalchemy import FileType, ImageType, file_column

NAMES = ("size", "content_type", "checksum")
ALL = (*NAMES, "width", "height")


def facts(reference):
    return {name: getattr(reference, name) for name in (ALL if isinstance(reference, ImageReference) else NAMES)}


def sha1(content):
    return f"sha1:{hashlib.sha1(content).hexdigest()}"


def image(storage, value=None, **settings):
    return ImageReference(ImageSettings(storage, **settings), value)


@pytest.fixture
def count(monkeypatch):
    """Count what a storage asks its store for, without what that asks itself."""

    def count(storage):
        asked, store, depth = [], storage.backend.store, 0
        for name in ("facts", "fetch", "put", "open_read", "read_file", "replace_version", "has_file"):
            real = getattr(store, name)

            def counted(*arguments, name=name, real=real, **options):
                nonlocal depth
                asked.extend([name] if not depth else [])
                depth += 1
                try:
                    return real(*arguments, **options)
                finally:
                    depth -= 1

            monkeypatch.setattr(store, name, counted)
        return asked

    return count


def test_they_are_kept_at_save_without_a_further_request(storage, count):
    reference = FileReference(FileSettings(storage))
    asked = count(storage)
    reference.save(FileStorage(io.BytesIO(b"content"), "Bericht 2026.pdf"), "a.pdf")
    known = {"size": 7, "content_type": "application/pdf", "checksum": sha1(b"content")}
    assert facts(reference) == known
    assert asked == ["put"]
    assert reference.to_row() == {
        "filename": "a.pdf",
        "original_name": "Bericht 2026.pdf",
        "versions": {"a.pdf": storage.version("a.pdf")},
        **known,
    }
    assert reference.to_document() == {"filename": "a.pdf"}
    found = storage.metadata("a.pdf")
    assert (found["size"], found["mime"], found["checksum"]) == tuple(known.values())


def test_an_empty_file_has_a_size(storage):
    reference = FileReference(FileSettings(storage))
    reference.save(io.BytesIO(), "a.txt")
    assert (reference.to_row() or {})["size"] == reference.size == 0


class Pipe:
    def __init__(self, content):
        self.read = io.BytesIO(content).read


@pytest.mark.parametrize(
    "make",
    [
        io.BytesIO,
        Pipe,
        lambda content: FileStorage(io.BytesIO(content), "x.bin", content_type="text/html"),
        lambda content: io.StringIO(content.decode()),
        lambda content: io.TextIOWrapper(io.BytesIO(content), "utf-8", newline=""),
    ],
    ids=["file", "pipe", "upload", "text", "text file"],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_they_are_those_of_what_is_stored(storage, make, overwrite):
    content = "Größe\r\n".encode() * 50_000
    if overwrite:
        storage.write("a.txt", "before")
    for value in (None, storage.version("a.txt") if overwrite else None):
        reference = FileReference(FileSettings(storage), {"filename": "a.txt", "versions": {"a.txt": value}})
        reference.save(make(content), "a.txt", overwrite=True)
        assert facts(reference) == {"size": len(content), "content_type": "text/plain", "checksum": sha1(content)}
        assert storage.read("a.txt") == content


def test_a_file_is_not_counted_from_its_first_byte(storage):
    file = io.BytesIO(b"head and body")
    file.seek(9)
    reference = FileReference(FileSettings(storage))
    reference.save(file, "a.txt")
    assert facts(reference) == {"size": 4, "content_type": "text/plain", "checksum": sha1(b"body")}


def test_what_verify_changes(app):
    storage = fs.Storage("files", [*fs.IMAGES, "svg"])
    app.config.update(FS_BACKEND="memory", FILES_FS_VERIFY_SVG="strip", FILES_FS_VERIFY_RENAME=True)
    fs.init_app(app, storage)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"><script>1</script></svg>'
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, "GIF")
    for content, name, stored, sides in (
        (svg, "a.svg", "a.svg", (None, None)),
        (file.getvalue(), "b.png", "b.gif", (40, 30)),
    ):
        reference = image(storage)
        assert reference.save(io.BytesIO(content), name) == stored
        there = storage.read(stored)
        assert facts(reference) == {
            "size": len(there),
            "content_type": storage.metadata(stored)["mime"],
            "checksum": sha1(there),
            "width": sides[0],
            "height": sides[1],
        }


@pytest.mark.parametrize("settings", [{}, {"max_size": 150}, {"optimize": True}, {"max_size": 500, "thumbnails": [20]}])
def test_an_image(storage, draw, size_of, count, settings):
    asked = count(storage)
    reference = image(storage, **settings)
    reference.save(draw(), "me.png")
    assert asked == ["put"] * len(reference.filenames)
    asked.clear()
    content = storage.read("me.png")
    assert reference.to_row().keys() >= set(ALL)
    assert facts(reference) == {
        "size": len(content),
        "content_type": "image/png",
        "checksum": sha1(content),
        **dict(zip(("width", "height"), size_of(storage, "me.png"), strict=True)),
    }
    assert asked == ["read_file", "open_read"]


@pytest.mark.parametrize("keeps_versions", [True, False])
@pytest.mark.parametrize("replaced", [True, False])
def test_rerender_of_what_others_replaced(storage, draw, keeps_versions, replaced):
    reference = image(storage)
    reference.save(draw(), "me.png")
    kept = reference.to_row()
    if not keeps_versions:
        # as in a document
        del kept["versions"]
    elif replaced:
        storage.write("me.png", draw(90, 60), overwrite=True)
    again = image(storage, kept, thumbnails=[20])
    again.rerender()
    content = storage.read("me.png")
    assert (again.size, again.checksum) == (len(content), sha1(content))
    assert (again.width, again.height) == size_of_image(content)
    # nothing that is right is forgotten
    assert ("size" in (again.to_row() or {})) == (not (keeps_versions and replaced))


def size_of_image(content):
    with Image.open(io.BytesIO(content)) as opened:
        return opened.size


def test_rerender(storage, draw):
    reference = image(storage)
    reference.save(draw(), "me.png")
    before = facts(reference)
    again = image(storage, reference, thumbnails=[20])
    again.rerender()
    assert facts(again) == before
    smaller = image(storage, again, max_size=60)
    smaller.rerender()
    content = storage.read("me.png")
    assert facts(smaller) == before | {"size": len(content), "checksum": sha1(content), "width": 60, "height": 40}


def turned(format, orientation):
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (40, 30)).save(file, format, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(("orientation", "sides"), [(1, (40, 30)), (3, (40, 30)), (6, (30, 40)), (8, (30, 40))])
def test_width_and_height_are_those_of_the_upright_image(storage, format, orientation, sides):
    name = f"a.{format.lower()}"
    kept = image(storage)
    kept.save(io.BytesIO(turned(format, orientation)), name)
    asked = image(storage, {"filename": name})
    assert (kept.width, kept.height) == (asked.width, asked.height) == sides


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_no_image_has_no_width(storage, content):
    reference = image(storage)
    reference.save(io.BytesIO(content), "a.png")
    assert (reference.size, reference.width, reference.height) == (len(content), None, None)
    assert "width" not in reference.to_row()


def test_an_old_reference_asks_once(storage, draw, count):
    storage.write("a.txt", "content")
    storage.write("a.png", draw())
    asked = count(storage)
    reference = FileReference(FileSettings(storage), {"filename": "a.txt"})
    assert (reference.size, reference.content_type, reference.size) == (7, "text/plain", 7)
    assert asked == ["facts"]
    assert [reference.checksum, reference.checksum] == [sha1(b"content")] * 2
    assert asked == ["facts"] * 2
    # reading writes nothing
    assert reference.to_row() == {"filename": "a.txt"}
    asked.clear()
    picture = image(storage, {"filename": "a.png"})
    assert (picture.width, picture.height, picture.content_type) == (300, 200, "image/png")
    assert asked == ["fetch"]
    assert picture.size == len(storage.read("a.png"))
    assert picture.to_row() == {"filename": "a.png"}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF"])
def test_the_header_of_a_large_image(storage, format, count):
    file = io.BytesIO()
    Image.effect_noise((700, 500), 90).convert("RGB").save(file, format)
    content = file.getvalue() + bytes(200_000)
    storage.write(f"a.{format.lower()}", content)
    picture = image(storage, {"filename": f"a.{format.lower()}"})
    asked = count(storage)
    assert (picture.width, picture.height, picture.size) == (700, 500, len(content))
    assert asked == ["fetch"]


def test_an_svg_is_not_asked_for_its_width(storage, count):
    picture = image(storage)
    picture.save(io.BytesIO(b"<svg/>"), "a.svg")
    asked = count(storage)
    for reference in (picture, image(storage, "a.svg")):
        assert (reference.width, reference.height, asked) == (None, None, [])
    assert reference.size == 6


def test_json_asks_once(storage, count):
    storage.write("a.txt", "content")
    asked = count(storage)
    for name, size, content_type in (("a.txt", 7, "text/plain"), ("missing.txt", None, None)):
        asked.clear()
        found = FileReference(FileSettings(storage), name).to_json() or {}
        assert (found["size"], found["content_type"], asked) == (size, content_type, ["facts"])
    asked.clear()
    found = FileReference(FileSettings(storage), {"filename": "missing.txt", "content_type": "text/x"}).to_json() or {}
    assert (found["size"], found["content_type"], asked) == (None, "text/x", ["facts"])


def test_a_reference_from_another_storage(storage, configure_storage, draw):
    other = configure_storage("others", {"BACKEND": "memory"})
    source = image(storage, thumbnails=[10])
    source.save(draw(), "me.png")
    other.write("me.png", draw(30, 20))
    other.write("me-10.png", "x")
    for kind in (image, lambda storage, value: FileReference(FileSettings(storage), value)):
        # what the file is in the other storage
        copied = kind(other, source)
        content = other.read("me.png")
        assert (copied.size, copied.checksum) == (len(content), sha1(content))
        assert "versions" not in (copied.to_row() or {})
    assert (image(other, source).width, image(other, source).thumbnails) == (30, {"10": "me-10.png"})
    assert facts(image(storage, source)) == facts(source)


def test_a_missing_file(storage, count):
    for reference in (FileReference(FileSettings(storage), "a.txt"), image(storage, "a.png")):
        asked = count(storage)
        assert set(facts(reference).values()) == {None}
        assert not reference.exists()
        for read in (reference.open, reference.read):
            with pytest.raises(fs.FileNotFound):
                read()
        # it may come
        storage.write(reference.filename, "content")
        assert (reference.size, reference.exists(), reference.read()) == (7, True, b"content")
        assert asked


def test_an_empty_reference(storage, count):
    asked = count(storage)
    for reference in (FileReference(FileSettings(storage)), image(storage)):
        assert set(facts(reference).values()) == {None}
        assert not reference.exists()
        assert (reference.url, reference.download_url, reference.signed_url(), reference.to_json()) == (None,) * 4
        for read in (reference.open, reference.read):
            with pytest.raises(fs.FileNotFound, match="the reference to storage 'files' has no file"):
                read()
    assert asked == []


def test_a_store_that_is_down(storage, monkeypatch):
    def down(*arguments, **options):
        raise fs.BackendError("out of order")

    for name in ("facts", "metadata", "serve", "exists"):
        monkeypatch.setattr(storage.backend, name, down)
    reference = image(storage, "a.png")
    for ask in (*(lambda name=name: getattr(reference, name) for name in ALL), reference.exists, reference.to_json):
        with pytest.raises(fs.BackendError):
            ask()


def test_reading(storage):
    reference = FileReference(FileSettings(storage))
    reference.save(io.BytesIO("Größe".encode()), "a.txt")
    assert reference.read() == "Größe".encode()
    with reference.open() as file:
        assert file.read(2) == b"Gr"
    with reference.open("r") as file:
        assert file.read() == "Größe"
    with reference.open("r", errors="replace", encoding="ascii") as file:
        assert file.read() == "Gr\ufffd\ufffd\ufffd\ufffde"
    assert reference.exists()
    for mode in ("w", "wb", "x", "a", "r+"):
        with pytest.raises(fs.OperationNotSupported, match="save"):
            reference.open(mode)
    assert reference.read() == "Größe".encode()


def test_copies_keep_them_and_another_name_clears_them(storage, draw):
    reference = image(storage)
    reference.save(draw(), "me.png")
    known = facts(reference)
    storage.delete("me.png")
    for same in (copy.copy(reference), copy.deepcopy(reference), image(storage, reference)):
        assert facts(same) == known
    unpickled = pickle.loads(pickle.dumps(reference))
    for same in (unpickled, copy.copy(unpickled), image(storage, unpickled)):
        assert facts(same) == known
    assert facts(image(storage, unpickled)) == known
    with pytest.raises(fs.ConfigurationError, match="unpickled"):
        str(unpickled)
    reference.original = "other.png"
    assert facts(reference) == known
    reference.filename = "other.png"
    assert set(facts(reference).values()) == {None}
    reference.filename = "me.png"
    assert set(facts(reference).values()) == {None}


def test_what_the_storage_returns_knows_them(storage):
    stored = storage.save(FileStorage(io.BytesIO(b"content"), "a.txt"))
    assert (stored.size, stored.content_type, stored.checksum) == (7, "text/plain", None)
    assert (FileReference(FileSettings(storage), stored).to_row() or {})["size"] == 7
    for written in (
        storage.write("b.txt", "Größe"),
        storage.write_only_new("c.txt", "Größe".encode()),
        storage.replace_version("a.txt", memoryview(b"1234567"), stored.version),
    ):
        assert (written.size, written.content_type) == (7, "text/plain")
    # some stores keep the type that is declared, some do not
    declared = storage.write("d.txt", FileStorage(io.BytesIO(b"x"), content_type="text/html"))
    assert (declared.size, declared.content_type) == (1, None)


@pytest.mark.parametrize(
    "value",
    [
        {"size": -1},
        {"size": "7"},
        {"size": True},
        {"size": 7.0},
        {"content_type": 5},
        {"content_type": ""},
        {"content_type": "text/html\r\nX-Header: x"},
        {"checksum": b"x"},
        {"checksum": ""},
        {"size": None},
    ],
)
def test_what_another_program_wrote_is_not_believed(storage, value):
    storage.write("a.txt", "content")
    reference = FileReference(FileSettings(storage), {"filename": "a.txt", **value})
    assert facts(reference) == {"size": 7, "content_type": "text/plain", "checksum": sha1(b"content")}
    assert reference.to_row() == {"filename": "a.txt"}


@pytest.mark.parametrize(
    ("thumbnails", "url"),
    [
        (["a-10.png"], "/files/a.png"),
        ("a-10.png", "/files/a.png"),
        ({"big": "a-10.png"}, "/files/a.png"),
        ({"010": "a-10.png"}, "/files/a-10.png"),
        ({"\u0661\u0660": "a-10.png"}, "/files/a-10.png"),
    ],
)
def test_thumbnails_that_another_program_wrote_break_no_page(storage, thumbnails, url):
    reference = image(storage, {"filename": "a.png", "thumbnails": thumbnails})
    assert (reference(10), reference(), reference.url) == (url, url, "/files/a.png")
    assert reference.srcset() == (f"{url} 10w" if url != reference.url else "")


class Doubling(fs.Storage):
    """Stores everything twice, and returns a plain name."""

    def save(self, file_or_wfs, *arguments, **options):
        return str(super().save(io.BytesIO(file_or_wfs.read() * 2), *arguments, **options))

    def write(self, filename, content, overwrite=None):
        return str(super().write(filename, content, overwrite))


class Padding(fs.Storage):
    """Stores more than it gets, and returns what the package does."""

    def save(self, file_or_wfs, *arguments, **options):
        return super().save(io.BytesIO(file_or_wfs.read() + bytes(100)), *arguments, **options)


class OldStyle(MemoryBackend):
    def write(self, filename, content):
        content = content if isinstance(content, bytes) else content.read()
        super().write(filename, content + b"!")


@pytest.mark.parametrize("kind", [Doubling, Padding, fs.Storage])
def test_methods_of_the_app_that_change_what_is_stored(app, draw, kind, monkeypatch):
    storage = kind("files", fs.ALL)
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, storage)
    if kind is fs.Storage:
        with app.app_context():
            storage.backend = OldStyle("files", {})
    with app.app_context():
        for reference in (FileReference(FileSettings(storage)), image(storage)):
            reference.save(draw(20, 10), f"{type(reference).__name__}.png")
            content = reference.read()
            assert (reference.size, reference.checksum) == (len(content), sha1(content))
        assert (reference.width, reference.height) == (20, 10)


class Base(DeclarativeBase):
    pass


files, elsewhere = fs.Storage("rows", fs.ALL), fs.Storage("elsewhere", fs.ALL)


class Row(Base):
    __tablename__ = "rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    paper = file_column(FileType(files))
    picture = file_column(ImageType(files, thumbnails=[10]))
    elsewhere = file_column(FileType(elsewhere))


@pytest.fixture
def session(app):
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, files, elsewhere)
    engine = sqlite()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def test_rows_keep_them(session, draw):
    row = Row(id=1)
    session.add(row)
    row.paper.save(io.BytesIO(b"content"), "a.txt")
    row.picture.save(draw(), "a.png")
    session.commit()
    known = facts(row.paper), facts(row.picture)
    written = json.loads(session.execute(text("SELECT picture FROM rows")).scalar_one())
    assert {name: written[name] for name in ALL} == known[1]
    for name in list(files.list_files()):
        files.delete(name)
    session.expunge_all()
    row = session.get_one(Row, 1)
    assert (facts(row.paper), facts(row.picture)) == known
    session.add(Row(id=2, paper=row.paper))
    session.commit()
    assert facts(session.get_one(Row, 2).paper) == known[0]


def test_they_follow_the_transaction(session):
    row = Row(id=1)
    session.add(row)
    row.paper.save(io.BytesIO(b"content"), "a.txt")
    session.commit()
    known = facts(row.paper)
    row.paper.save(io.BytesIO(b"longer content"), "b.txt")
    assert row.paper.size == 14
    session.rollback()
    assert facts(row.paper) == known
    with suppress(ZeroDivisionError), session.begin_nested():
        row.paper.filename = "b.txt"
        assert row.paper.size is None
        raise ZeroDivisionError
    assert facts(row.paper) == known


def test_a_reference_read_from_another_column(session, draw):
    row = Row(id=1)
    session.add(row)
    row.paper.save(io.BytesIO(draw().read()), "a.png")
    row.elsewhere = row.paper
    session.commit()
    for read in (lambda: session.scalar(select(Row.paper)), lambda: copy.copy(row.paper)):
        row.picture = row.elsewhere = read()
        assert type(row.picture) is ImageReference
        assert row.picture(10) == "/rows/a.png"
        assert row.elsewhere.fs is elsewhere
        assert facts(row.elsewhere) == dict.fromkeys(NAMES)
        session.rollback()


def test_reading_an_old_row_writes_nothing(session):
    files.write("a.txt", "content")
    session.execute(text('INSERT INTO rows (id, paper) VALUES (7, \'{"filename": "a.txt"}\')'))
    row = session.get_one(Row, 7)
    assert row.paper.size == 7
    assert not session.dirty
    session.commit()
    assert session.execute(text("SELECT paper FROM rows")).scalar_one() == '{"filename": "a.txt"}'


def test_the_checksum_is_computed_for_fields_alone(storage):
    assert storage.write("a.txt", "x").checksum is None
    reference = FileReference(FileSettings(storage))
    reference.save(io.BytesIO(b"x"), "b.txt")
    assert storage.write("c.txt", "x").checksum is None
    with suppress(fs.FileExists):
        reference.save(io.BytesIO(b"x"), "b.txt")
    assert storage.save(io.BytesIO(b"x"), "d.txt").checksum is None
