import importlib.util
import io
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fs.memoryfs import MemoryFS
from PIL import Image

import flask_pyfs as fs

GALLERY = Path(__file__).resolve().parents[1] / "docs" / "examples" / "gallery"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
JSON = {"Accept": "application/json"}


class Page(HTMLParser):
    """What a visitor sees: messages, images, forms and links."""

    def __init__(self, response):
        super().__init__()
        self.status = response.status_code
        self.tags = []
        self.images = []
        self.names = []
        self.sizes = []
        self.fields = {}
        self.messages = []
        self.links = []
        self._shown = None
        self.feed(response.get_data(as_text=True))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        if tag == "img":
            self.images.append(values["src"])
        elif tag == "input":
            self.fields.setdefault(values["name"], []).append(values.get("value"))
        elif tag == "a":
            self.links.append(values["href"])
        self._shown = {"name": self.names, "error": self.messages, "success": self.messages}.get(
            values.get("class", "")
        )

    def handle_data(self, data):
        if self._shown is not None:
            self._shown.append(data)
            self._shown = None
        elif re.fullmatch(r"[\d.]+ (Byte|Bytes|KiB|MiB)", data):
            self.sizes.append(data)

    @property
    def token(self):
        return self.fields["token"][0]


class Visitor:
    def __init__(self, app):
        self.client = app.test_client()

    def page(self, **query):
        return Page(self.client.get("/", query_string=query))

    def upload(self, *files, token=None, headers=None):
        data = {
            "token": self.page().token if token is None else token,
            "photos": [(io.BytesIO(content), name) for name, content in files],
        }
        return self.client.post("/", data=data, headers=headers)

    def delete(self, name, token=None, **fields):
        token = self.page().token if token is None else token
        return self.client.post("/delete", data={"token": token, "name": name, **fields})


@pytest.fixture(scope="module")
def gallery():
    spec = importlib.util.spec_from_file_location(
        "gallery_example", GALLERY / "__init__.py", submodule_search_locations=[str(GALLERY)]
    )
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def app(gallery, tmp_path, monkeypatch):
    # the files of these tests have only the names of images
    monkeypatch.setenv("FLASK_PHOTOS_FS_VERIFY", "false")
    return gallery.create_app(instance_path=str(tmp_path / "instance"))


@pytest.fixture
def photos(gallery, app):
    with app.app_context():
        yield gallery.photos


@pytest.fixture
def visitor(app, photos):
    return Visitor(app)


def test_empty_gallery_says_so_and_writes_only_below_the_instance_path(visitor, tmp_path, photos):
    response = visitor.client.get("/")
    assert response.status_code == 200
    assert "There are no images yet." in response.get_data(as_text=True)
    assert Page(response).images == []
    assert Path(photos.root) == tmp_path / "instance" / "fs" / "photos"


@pytest.mark.parametrize("name", ["gallery.css", "gallery.js"])
def test_page_uses_only_resources_of_its_own(visitor, name):
    text = visitor.client.get("/").get_data(as_text=True)
    assert f"/static/{name}" in text
    with visitor.client.get(f"/static/{name}") as response:
        assert response.status_code == 200
        assert "//" not in re.sub(r"^\s*//.*$", "", response.get_data(as_text=True), flags=re.MULTILINE)
    assert "://" not in text


def test_several_uploads_are_shown_and_served_byte_for_byte(visitor, photos):
    files = {"b.jpg": b"jpeg" * 1000, "a.png": PNG, "c.gif": b"GIF89a"}
    response = visitor.upload(*files.items())
    assert (response.status_code, response.location) == (303, "/")
    page = visitor.page()
    assert page.messages == ["3 images were stored."]
    assert page.names == ["a.png", "b.jpg", "c.gif"]
    assert page.images == ["/photos/a.png", "/photos/b.jpg", "/photos/c.gif"]
    assert page.sizes == ["2.0 KiB", "3.9 KiB", "6 Bytes"]
    assert sorted(photos.list_files()) == page.names
    for name, url in zip(page.names, page.images, strict=True):
        assert visitor.client.get(url).data == files[name]
    assert visitor.page().messages == []


def test_one_upload_is_named(visitor):
    visitor.upload(("a.png", PNG))
    assert visitor.page().messages == ["“a.png” was stored."]


def test_served_image_has_its_type_and_answers_ranges(visitor):
    visitor.upload(("a.png", PNG))
    with visitor.client.get("/photos/a.png", headers={"Range": "bytes=8-15"}) as response:
        assert (response.status_code, response.mimetype) == (206, "image/png")
        assert response.data == PNG[8:16]


def test_svg_is_sent_in_a_sandbox(visitor):
    visitor.upload(("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"))
    with visitor.client.get(visitor.page().images[0]) as response:
        assert response.mimetype == "image/svg+xml"
        assert "sandbox" in response.headers["Content-Security-Policy"]


def test_wrong_type_is_refused_and_the_others_are_stored(visitor, photos):
    assert visitor.upload(("virus.exe", b"MZ"), ("a.png", PNG), ("b.png.php", b"<?php")).status_code == 303
    refused_exe, refused_php, stored = visitor.page().messages
    assert refused_exe.startswith("“virus.exe” was not stored. Only jpg, ")
    assert refused_php.startswith("“b.png.php” was not stored. Only jpg, ")
    assert stored == "“a.png” was stored."
    assert list(photos.list_files()) == ["a.png"]
    assert visitor.client.get("/photos/virus.exe").status_code == 404


def test_many_refusals_fit_in_the_cookie(visitor, photos):
    response = visitor.upload(*((f"{number}-{'ж' * 150}.exe", b"MZ") for number in range(200)))
    assert len(response.headers["Set-Cookie"]) < 4093
    messages = visitor.page().messages
    assert len(messages) == 7
    assert messages[-1] == "194 more files were refused."
    assert list(photos.list_files()) == []


@pytest.mark.parametrize("name", ["...", "☃", "   "])
def test_name_without_a_usable_part_is_refused(visitor, photos, name):
    visitor.upload((name, PNG))
    (message,) = visitor.page().messages
    assert message.startswith(f"“{name}” was not stored.")
    assert list(photos.list_files()) == []


def test_no_file_chosen(visitor):
    # what a browser sends for an empty choice: a part with an empty name
    body = (
        '--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n'
        f"{visitor.page().token}\r\n"
        '--x\r\nContent-Disposition: form-data; name="photos"; filename=""\r\n'
        "Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n"
    )
    response = visitor.client.post("/", data=body, content_type="multipart/form-data; boundary=x")
    assert response.status_code == 303
    assert visitor.page().messages == ["No file was chosen."]


def test_taken_name_gets_a_random_part_and_both_are_kept(visitor, photos):
    visitor.upload(("a.png", b"first"))
    visitor.upload(("a.png", b"second"))
    contents = {name: photos.read(name) for name in photos.list_files()}
    assert contents.pop("a.png") == b"first"
    ((other, content),) = contents.items()
    assert re.fullmatch(r"a-[0-9a-f]{16}\.png", other)
    assert content == b"second"


def test_same_name_twice_in_one_upload(visitor, photos):
    visitor.upload(("a.png", b"first"), ("a.png", b"second"))
    assert sorted(photos.read(name) for name in photos.list_files()) == [b"first", b"second"]


@pytest.mark.parametrize(
    "name",
    [
        "<b>.png",
        "фото <b>.jpg",
        "it's %22quoted%22 & co.png",
        "日本語.gif",
        "../../up.png",
        "a%2Fb.png",
        "é.png",
        "🎉.png",
        "हिन्दी.png",
    ],
)
def test_odd_client_name_is_stored_shown_and_served(visitor, photos, name):
    visitor.upload((name, PNG))
    (stored,) = photos.list_files()
    page = visitor.page()
    assert page.names == [stored]
    assert "b" not in page.tags
    assert visitor.client.get(page.images[0]).data == PNG
    visitor.delete(page.fields["name"][0])
    assert list(photos.list_files()) == []


@pytest.mark.parametrize(
    "name",
    [
        "<b>bold</b>.png",
        "\"><img src=x onerror='alert(1)'>.png",
        "a b?c#d%20&amp;.png",
        "сад/日本語.png",
        "{{ 7*7 }}.png",
    ],
)
def test_odd_stored_name_is_only_text(visitor, photos, name):
    photos.write(name, PNG)
    page = visitor.page()
    assert page.names == [name]
    assert page.fields["name"] == [name]
    assert "b" not in page.tags
    assert page.tags.count("img") == 1
    assert visitor.client.get(page.images[0]).data == PNG
    visitor.delete(name)
    assert visitor.page().names == []


@pytest.mark.parametrize("name", ["<img src=x>.exe", "<script>alert(1)</script>.exe"])
def test_refused_name_is_only_text(visitor, name):
    visitor.upload((name, b"MZ"))
    response = visitor.client.get("/")
    assert name not in response.get_data(as_text=True)
    # the client's own name comes as it was sent, less what looks like directories
    assert Page(response).messages[0].startswith(f"“{name}” was not stored.")


def test_delete(visitor, photos):
    visitor.upload(("a.png", PNG), ("b.png", PNG))
    response = visitor.delete("a.png")
    assert (response.status_code, response.location) == (303, "/")
    page = visitor.page()
    assert page.names == ["b.png"]
    assert "“a.png” was deleted." in page.messages
    assert visitor.client.get("/photos/a.png").status_code == 404
    assert list(photos.list_files()) == ["b.png"]


def test_delete_returns_to_its_page(visitor):
    assert visitor.delete("x.png", after="b&c.png").location == "/?after=b%26c.png"


@pytest.mark.parametrize("name", ["", "../secret", "..", "/", "a\\..\\b"])
def test_delete_of_a_bad_name_is_refused(visitor, photos, tmp_path, name):
    (tmp_path / "secret").write_bytes(b"secret")
    visitor.upload(("a.png", PNG))
    response = visitor.delete(name)
    assert response.status_code == 400
    assert fs.InvalidPath.user_message in Page(response).messages
    assert list(photos.list_files()) == ["a.png"]
    assert (tmp_path / "secret").exists()


def test_delete_takes_no_get(visitor, photos):
    visitor.upload(("a.png", PNG))
    assert visitor.client.get("/delete", query_string={"name": "a.png"}).status_code == 405
    assert list(photos.list_files()) == ["a.png"]


@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_form_of_another_site_is_refused(visitor, photos, token):
    visitor.upload(("a.png", PNG))
    response = visitor.upload(("b.png", PNG), token=token)
    assert response.status_code == 400
    assert "This page was too old. Please try again." in Page(response).messages
    response = visitor.delete("a.png", token=token)
    assert response.status_code == 400
    assert list(photos.list_files()) == ["a.png"]


def test_empty_token_without_a_session_is_refused(app, photos):
    stranger = Visitor(app)
    response = stranger.upload(("b.png", PNG), token="", headers=JSON)
    assert response.status_code == 400
    assert response.json["stored"] == []
    assert list(photos.list_files()) == []


def test_token_of_another_session_is_refused(app, visitor, photos):
    response = visitor.upload(("b.png", PNG), token=Visitor(app).page().token)
    assert response.status_code == 400
    assert list(photos.list_files()) == []


def test_session_cookie_stays_on_the_site(visitor):
    cookie = visitor.client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_script_gets_json(visitor, photos):
    response = visitor.upload(("a.png", PNG), ("virus.exe", b"MZ"), headers=JSON)
    assert (response.status_code, response.mimetype) == (201, "application/json")
    assert response.json["stored"] == ["a.png"]
    (refused, stored) = response.json["messages"]
    assert refused[0] == "error"
    assert "virus.exe" in refused[1]
    assert stored == ["success", "“a.png” was stored."]
    assert visitor.page().messages == []

    response = visitor.upload(("virus.exe", b"MZ"), headers=JSON)
    assert (response.status_code, response.json["stored"]) == (400, [])
    assert list(photos.list_files()) == ["a.png"]


def test_too_large(app, visitor, photos):
    app.config["MAX_CONTENT_LENGTH"] = 200 * 1024
    token = visitor.page().token
    large = bytes(300 * 1024)
    response = visitor.upload(("a.png", large), token=token)
    assert response.status_code == 413
    assert Page(response).messages == ["That was too large: an upload may have 200.0 KiB at most."]
    response = visitor.upload(("a.png", large), token=token, headers=JSON)
    assert (response.status_code, response.json["stored"]) == (413, [])
    assert "200.0 KiB" in response.json["messages"][0][1]
    assert list(photos.list_files()) == []


def test_limit_is_sane(app):
    assert app.config["MAX_CONTENT_LENGTH"] == 64 * 1024 * 1024


@pytest.mark.parametrize("error", [fs.BackendError, fs.PermissionDenied, fs.FSError])
def test_failing_storage_is_a_message(visitor, photos, monkeypatch, caplog, error):
    def fail(*args, **options):
        raise error("the store failed")

    monkeypatch.setattr(photos, "save", fail)
    visitor.upload(("a.png", PNG))
    assert visitor.page().messages == [f"“a.png” was not stored. {error.user_message}"]
    assert "the store failed" in caplog.text


def test_the_address_of_an_upload_is_refused_with_a_reason(visitor, photos):
    form = {"token": visitor.page().token, "name": "virus.exe"}
    response = visitor.client.post("/upload-url", data=form, headers=JSON)
    assert (response.status_code, response.json["error"]) == (415, "UnauthorizedFileType")
    response = visitor.client.post("/upload-url", data={**form, "name": ""}, headers=JSON)
    assert (response.status_code, response.json["messages"]) == (400, [["error", "Choose a file first."]])


def test_pages(gallery, visitor, photos, monkeypatch):
    monkeypatch.setattr(gallery, "PHOTOS_PER_PAGE", 2)
    for name in ("e.png", "a&b.png", "d.png", "c.png", "f.png"):
        photos.write(name, PNG)
    seen, url = [], "/"
    while url:
        page = Page(visitor.client.get(url))
        assert len(page.names) <= 2
        seen.append(page.names)
        url = next((link for link in page.links if link.startswith("/?after=")), "")
    assert seen == [["a&b.png", "c.png"], ["d.png", "e.png"], ["f.png"]]
    assert visitor.page(after="f.png").names == []


def test_photo_deleted_while_the_page_is_made_is_left_out(gallery, visitor, photos, monkeypatch):
    photos.write("a.png", PNG)
    monkeypatch.setattr(photos, "list_files", lambda: iter(["a.png", "gone.png"]))
    assert visitor.page().names == ["a.png"]


def test_environment_chooses_another_backend(gallery, tmp_path, monkeypatch):
    monkeypatch.setenv("FLASK_FS_BACKEND", "memory")
    monkeypatch.setenv("FLASK_PHOTOS_FS_VERIFY", "false")
    app = gallery.create_app(instance_path=str(tmp_path / "instance"))
    visitor = Visitor(app)
    visitor.upload(("a.png", PNG))
    assert visitor.client.get(visitor.page().images[0]).data == PNG
    with app.app_context():
        assert isinstance(gallery.photos.fs, MemoryFS)
    assert not (tmp_path / "instance").exists()


@pytest.fixture
def verifying(gallery, tmp_path):
    """The gallery as it comes: it takes only what is an image."""
    app = gallery.create_app(instance_path=str(tmp_path / "instance"))
    with app.app_context():
        yield app


def drawn():
    file = io.BytesIO()
    Image.new("RGB", (900, 600), "teal").save(file, "PNG")
    return file.getvalue()


def test_thumbnails_are_shown_and_go_with_their_images(gallery, verifying):
    visitor = Visitor(verifying)
    visitor.upload(("a.png", drawn()), ("b.svg", SVG))
    page = visitor.page()
    assert page.images == ["/thumbnails/a.png", "/photos/b.svg"]
    assert page.links[:2] == ["/photos/a.png", "/photos/b.svg"]
    with Image.open(io.BytesIO(visitor.client.get("/thumbnails/a.png").data)) as thumbnail:
        assert thumbnail.size == (480, 320)
    visitor.delete("a.png")
    assert list(gallery.thumbnails.list_files()) == []


def test_what_is_no_image_is_refused(gallery, verifying):
    visitor = Visitor(verifying)
    visitor.upload(("a.png", b"<script>alert(1)</script>"))
    assert "a.png" in visitor.page().messages[0]
    assert list(gallery.photos.list_files()) == list(gallery.thumbnails.list_files()) == []


def test_a_thumbnail_that_cannot_be_stored_costs_nothing_but_itself(gallery, verifying, monkeypatch, caplog):
    def fail(*arguments, **options):
        raise fs.BackendError("the disk is full")

    monkeypatch.setattr(gallery.thumbnails, "write", fail)
    visitor = Visitor(verifying)
    visitor.upload(("a.png", drawn()))
    assert visitor.page().images == ["/photos/a.png"]
    assert "has no thumbnail" in caplog.text


def test_without_pillow_the_images_themselves_are_shown(gallery, verifying, monkeypatch):
    monkeypatch.setattr(gallery, "images", None)
    visitor = Visitor(verifying)
    visitor.upload(("a.png", drawn()))
    assert visitor.page().images == ["/photos/a.png"]
