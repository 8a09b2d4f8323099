import io
import os
import re
import struct
import time
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fs.memoryfs import MemoryFS
from galleries import PLACE
from galleries import gallery as loaded
from PIL import Image

import flask_pyfs as fs

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
JSON = {"Accept": "application/json"}


class Page(HTMLParser):
    """What a visitor sees: messages, images, forms and links."""

    def __init__(self, response):
        super().__init__()
        assert response.mimetype == "text/html"
        self.tags = []
        self.images = []
        self.names = []
        self.sizes = []
        self.fields = {}
        self.messages = []
        self.refused = []
        self.links = []
        self._shown = None
        self._inside = None
        self._list = None
        self.feed(response.get_data(as_text=True))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        if tag == "img" and "src" in values:
            self.images.append(values["src"])
        elif tag == "input":
            self.fields.setdefault(values["name"], []).append(values.get("value"))
        elif tag == "a":
            self.links.append(values["href"])
        elif tag in ("ul", "main"):
            self._list = values.get("id")
        elif tag == "li" and self._list == "refused":
            self.refused.append("")
            self._inside = self.refused
        shown = {"name": self.names, "size": self.sizes, "error": self.messages, "success": self.messages}
        self._shown = shown.get(values.get("class", ""))

    def handle_endtag(self, tag):
        if tag == "li":
            self._inside = None

    def handle_data(self, data):
        if self._shown is not None:
            self._shown.append(data)
            self._shown = None
        elif self._inside:
            self._inside[-1] += data

    @property
    def token(self):
        return self.fields["token"][0]


class Visitor:
    def __init__(self, app):
        self.client = app.test_client()

    def page(self, **query):
        return Page(self.client.get("/", query_string=query))

    def get(self, url):
        """Follow a URL to its end, and read all of it."""
        with self.client.get(url, follow_redirects=True) as response:
            response.get_data()
            return response

    def upload(self, *files, token=None, headers=None):
        data = {
            "token": self.page().token if token is None else token,
            "photos": [(io.BytesIO(content), name) for name, content in files],
        }
        return self.client.post("/", data=data, headers=headers)

    def ask(self, name, **fields):
        """Ask as the script does where one photo may be sent."""
        return self.client.post("/upload-url", data={"token": self.page().token, "name": name, **fields}, headers=JSON)

    def send(self, name, content):
        """Send one photo as the script does, and return the last answer."""
        answer = self.ask(name)
        steps = [("POST", {"Upload-Length": str(len(content))}, b"")]
        steps += [("PATCH", {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}, content)]
        url = answer.json.get("url")
        for method, headers, data in steps if url else []:
            answer = self.client.open(
                url, method=method, headers={**JSON, "Tus-Resumable": "1.0.0", **headers}, data=data
            )
            if answer.status_code != 201 or not content:
                break
            url = answer.location
        return answer

    def delete(self, name, token=None, **fields):
        token = self.page().token if token is None else token
        return self.client.post("/delete", data={"token": token, "name": name, **fields})

    def undo(self, page, **fields):
        return self.client.post("/undo", data={"token": page.token, "kept": page.fields["kept"][0], **fields})


@pytest.fixture(scope="module")
def gallery():
    with loaded() as module:
        yield module


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


@pytest.mark.parametrize("name", sorted(file.name for file in (PLACE / "static").iterdir()))
def test_page_uses_only_resources_of_its_own(visitor, name):
    text = visitor.client.get("/").get_data(as_text=True)
    script = (PLACE / "static" / "gallery.js").read_text(encoding="utf-8")
    assert f"/static/{name}" in text or f'"./{name}"' in script
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
    assert sorted(page.names) == sorted(photos.list_files()) == ["a.png", "b.jpg", "c.gif"]
    page = visitor.page(order="name")
    assert page.names == ["a.png", "b.jpg", "c.gif"]
    assert page.sizes == ["2.1 kB", "4 kB", "6 Bytes"]
    assert [link for link in page.links if "photos" in link] == ["/photos/a.png", "/photos/b.jpg", "/photos/c.gif"]
    for name, url in zip(page.names, page.images, strict=True):
        assert visitor.get(f"/photos/{name}").data == files[name]
        # no images, so the file itself stands for its thumbnail
        assert visitor.get(url).data == files[name]
    assert visitor.page().messages == []


def test_one_upload_is_counted(visitor):
    visitor.upload(("a.png", PNG))
    assert visitor.page().messages == ["1 image was stored."]


def test_served_image_has_its_type_and_answers_ranges(visitor):
    visitor.upload(("a.png", PNG))
    with visitor.client.get("/photos/a.png", headers={"Range": "bytes=8-15"}) as response:
        assert (response.status_code, response.mimetype) == (206, "image/png")
        assert response.data == PNG[8:16]


def test_svg_is_sent_in_a_sandbox(visitor):
    visitor.upload(("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"))
    with visitor.client.get("/photos/a.svg") as response:
        assert response.mimetype == "image/svg+xml"
        assert "sandbox" in response.headers["Content-Security-Policy"]


def test_wrong_type_is_refused_and_the_others_are_stored(visitor, photos):
    assert visitor.upload(("virus.exe", b"MZ"), ("a.png", PNG), ("b.png.php", b"<?php")).status_code == 303
    page = visitor.page()
    assert page.messages == ["1 image was stored. 2 files were not."]
    assert page.refused[0].startswith("virus.exe Only jpg, ")
    assert page.refused[1].startswith("b.png.php Only jpg, ")
    assert list(photos.list_files()) == ["a.png"]
    assert visitor.client.get("/photos/virus.exe").status_code == 404


def test_many_refusals_fit_in_the_cookie(visitor, photos):
    response = visitor.upload(*((f"{number}-{'ж' * 150}.exe", b"MZ") for number in range(200)))
    assert len(response.headers["Set-Cookie"]) < 4093
    page = visitor.page()
    assert page.messages == ["0 images were stored. 200 files were not."]
    assert len(page.refused) == 7
    assert page.refused[-1] == "and 194 more"
    assert list(photos.list_files()) == []


@pytest.mark.parametrize("name", ["...", "☃", "   "])
def test_name_without_a_usable_part_is_refused(visitor, photos, name):
    visitor.upload((name, PNG))
    (refused,) = visitor.page().refused
    assert refused == f"{name} The name of the file has no letter and no digit. Rename the file."
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
    assert visitor.page().messages == ["Choose a file first."]


def test_taken_name_gets_a_random_part_and_both_are_kept(visitor, photos):
    visitor.upload(("a.png", b"first"))
    visitor.upload(("a.png", b"second"))
    contents = {name: photos.read(name) for name in photos.list_files()}
    assert contents.pop("a.png") == b"first"
    ((other, content),) = contents.items()
    assert re.fullmatch(r"a-[0-9a-f]{16}\.png", other)
    assert content == b"second"


@pytest.mark.parametrize("length", [1, 80_000])
def test_a_photo_that_is_sent_again_is_stored_once(visitor, photos, length):
    sent = [("a.png", end * length) for end in (b"1", b"2", b"3" * 2)]
    for _ in range(3):
        assert visitor.upload(*sent).status_code == 303
    assert sorted(photos.read(name) for name in photos.list_files()) == [content for _, content in sent]
    visitor.upload(("a.png", b"1" * length + b"4"))
    assert len(list(photos.list_files())) == 4


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
    assert visitor.get(page.images[0]).data == PNG
    visitor.delete(page.fields["name"][0])
    assert visitor.page().names == []


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
    assert len(page.images) == 1
    assert visitor.get(page.images[0]).data == PNG
    visitor.delete(name)
    assert visitor.page().names == []


@pytest.mark.parametrize("name", ["<img src=x>.exe", "<script>alert(1)</script>.exe"])
def test_refused_name_is_only_text(visitor, name):
    visitor.upload((name, b"MZ"))
    response = visitor.client.get("/")
    assert name not in response.get_data(as_text=True)
    # the client's own name comes as it was sent, less what looks like directories
    assert Page(response).refused[0].startswith(f"{name} Only ")


def test_delete(visitor, photos):
    visitor.upload(("a.png", PNG), ("b.png", PNG))
    response = visitor.delete("a.png")
    assert (response.status_code, response.location) == (303, "/")
    page = visitor.page()
    assert page.names == ["b.png"]
    assert "“a.png” was deleted." in page.messages
    assert visitor.get("/photos/a.png").status_code == 404
    assert visitor.get("/thumbnail?name=a.png").status_code == 404


def test_delete_returns_to_its_page(visitor, photos):
    photos.write("x.png", PNG)
    assert visitor.delete("x.png", order="name", page="2").location == "/?order=name&page=2"


def test_delete_of_what_is_gone_says_so(visitor, photos):
    visitor.delete("x.png")
    page = visitor.page()
    assert page.messages == ["“x.png” is not there any more."]
    assert "kept" not in page.fields


def test_delete_of_a_directory_deletes_nothing(visitor, photos):
    photos.write("summer/a.png", PNG)
    visitor.delete("summer")
    assert visitor.page().names == ["summer/a.png"]


@pytest.mark.parametrize("name", ["a.png", "summer/2026/a b&c.png", "фото.png"])
def test_undo(visitor, photos, name):
    photos.write(name, PNG)
    visitor.delete(name)
    page = visitor.page()
    assert page.names == []
    response = visitor.undo(page, order="oldest")
    assert (response.status_code, response.location) == (303, "/?order=oldest")
    page = visitor.page()
    assert page.messages == [f"“{name}” is back."]
    assert page.names == [name]
    assert photos.read(name) == PNG
    assert list((Path(photos.root) / ".deleted").iterdir()) == []


def test_undo_does_not_replace_what_took_the_name(visitor, photos):
    photos.write("a.png", b"first")
    visitor.delete("a.png")
    page = visitor.page()
    photos.write("a.png", b"second")
    visitor.undo(page)
    contents = {name: photos.read(name) for name in visitor.page().names}
    assert contents.pop("a.png") == b"second"
    ((other, content),) = contents.items()
    assert re.fullmatch(r"a-[0-9a-f]{16}\.png", other)
    assert content == b"first"


def test_undo_twice_says_that_it_is_gone(visitor, photos):
    photos.write("a.png", PNG)
    visitor.delete("a.png")
    page = visitor.page()
    visitor.undo(page)
    visitor.undo(page)
    assert "The image is gone: it was kept for an hour only." in visitor.page().messages
    assert visitor.page().names == ["a.png"]


@pytest.mark.parametrize(
    "kept", ["", "a.png", ".deleted/", ".deleted/x", "../a.png", ".deleted/x/../../a.png", ".deleted/./a.png"]
)
def test_undo_takes_only_what_was_deleted(visitor, photos, kept):
    photos.write("a.png", PNG)
    response = visitor.client.post("/undo", data={"token": visitor.page().token, "kept": kept})
    assert response.status_code in (303, 400)
    assert list(photos.list_files()) == ["a.png"]


def test_what_was_deleted_is_swept_after_a_while(gallery, app, visitor, photos, monkeypatch):
    photos.write("a.png", PNG)
    photos.write("b.png", PNG)
    visitor.delete("a.png")
    visitor.delete("b.png")
    assert len(list(photos.list_files())) == 2
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + gallery.library.KEPT_SECONDS - 60)
    assert app.test_cli_runner().invoke(args=["sweep"]).exit_code == 0
    assert len(list(photos.list_files())) == 2
    photos.write("c.png", PNG)
    monkeypatch.setattr(time, "time", lambda: now + gallery.library.KEPT_SECONDS + 60)
    visitor.delete("c.png")
    (kept,) = photos.list_files()
    assert kept.endswith("/c.png")
    assert kept.startswith(".deleted/")


def test_a_client_cannot_upload_to_where_deleted_photos_are(visitor, photos):
    visitor.upload((".deleted/1-1/a.png", PNG))
    assert list(photos.list_files()) == ["a.png"]


@pytest.mark.parametrize("name", ["", "../secret", "..", "/", "a\\..\\b"])
def test_delete_of_a_bad_name_is_refused(visitor, photos, tmp_path, name):
    (tmp_path / "secret").write_bytes(b"secret")
    visitor.upload(("a.png", PNG))
    assert visitor.delete(name).status_code == 303
    assert f"“{name}” was not deleted. {fs.InvalidPath.user_message}" in visitor.page().messages
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
    assert response.json == {"description": "This page was too old. Please try again."}
    assert list(photos.list_files()) == []


def test_token_of_another_session_is_refused(app, visitor, photos):
    response = visitor.upload(("b.png", PNG), token=Visitor(app).page().token)
    assert response.status_code == 400
    assert list(photos.list_files()) == []


def test_session_cookie_stays_on_the_site(visitor):
    cookie = visitor.client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_too_large(app, visitor, photos):
    app.config["MAX_CONTENT_LENGTH"] = 200 * 1000
    token = visitor.page().token
    large = bytes(300 * 1024)
    response = visitor.upload(("a.png", large), token=token)
    assert response.status_code == 413
    assert Page(response).messages == ["That was too much: choose at most 999 images and 200 kB at once."]
    response = visitor.upload(("a.png", large), token=token, headers=JSON)
    assert response.status_code == 413
    assert "200 kB" in response.json["description"]
    assert list(photos.list_files()) == []


def test_one_image_that_is_too_large(gallery, tmp_path, monkeypatch):
    monkeypatch.setenv("FLASK_PHOTOS_FS_MAX_SIZE", "1 kB")
    monkeypatch.setenv("FLASK_PHOTOS_FS_VERIFY", "false")
    app = gallery.create_app(instance_path=str(tmp_path / "instance"))
    visitor = Visitor(app)
    assert "at most 1 kB each" in visitor.client.get("/").get_data(as_text=True)
    visitor.upload(("a.png", bytes(1001)), ("b.png", bytes(1000)))
    page = visitor.page()
    assert (page.names, page.refused) == (["b.png"], ["a.png The file is too large: it may have 1 kB at most."])


# Werkzeug does not close the parts of a form that it refuses
@pytest.mark.filterwarnings("ignore:Unclosed file <tempfile:ResourceWarning")
def test_the_limit_of_images_at_once_is_said_before_and_after(visitor, photos):
    text = visitor.client.get("/").get_data(as_text=True)
    assert "At most 999 images and 200 MB at once" in text
    # which is what the form really takes: none of these is stored, but all are looked at
    assert visitor.upload(*((f"{number}.exe", b"x") for number in range(999))).status_code == 303
    assert visitor.page().messages == ["0 images were stored. 999 files were not."]
    response = visitor.upload(*((f"{number}.exe", b"x") for number in range(1000)))
    assert response.status_code == 413
    assert Page(response).messages == ["That was too much: choose at most 999 images and 200 MB at once."]


def test_no_limits_are_said_if_there_are_none(app, gallery, visitor, photos, monkeypatch):
    app.config["MAX_CONTENT_LENGTH"] = None
    monkeypatch.setitem(photos.config, "max_size", None)
    monkeypatch.setattr(app.request_class, "max_form_parts", None)
    text = visitor.client.get("/").get_data(as_text=True)
    assert "at most" not in text.lower()
    assert visitor.upload(("a.png", PNG)).status_code == 303


@pytest.mark.parametrize("error", [fs.BackendError, fs.PermissionDenied, fs.FSError])
def test_failing_storage_is_a_message(visitor, photos, monkeypatch, caplog, error):
    def fail(*args, **options):
        raise error("the store failed")

    monkeypatch.setattr(photos, "save", fail)
    visitor.upload(("a.png", PNG))
    assert visitor.page().refused == [f"a.png {error.user_message}"]
    assert "the store failed" in caplog.text
    monkeypatch.setattr(photos, "resumable_url", fail)
    answer = visitor.ask("a.png")
    assert (answer.status_code, answer.json) == (error.code, {"description": error.user_message})


@pytest.fixture
def breaking(monkeypatch):
    """Let a method of a storage fail for names that begin with a text."""

    def breaking(storage, method, error, start=""):
        work = getattr(storage, method)

        def fail(name="", *args, **options):
            if name.startswith(start):
                raise error("the store failed")
            return work(name, *args, **options)

        monkeypatch.setattr(storage, method, fail)

    return breaking


@pytest.mark.parametrize("error", [fs.BackendError, fs.PermissionDenied, fs.FSError])
def test_a_photo_that_cannot_be_deleted_is_a_message(visitor, photos, breaking, caplog, error):
    photos.write("a.png", PNG)
    breaking(photos, "move", error)
    response = visitor.delete("a.png", page="2")
    assert (response.status_code, response.location) == (303, "/?page=2")
    page = visitor.page()
    assert page.messages == [f"“a.png” was not deleted. {error.user_message}"]
    assert "kept" not in page.fields
    assert page.names == ["a.png"]
    assert "the store failed" in caplog.text


@pytest.mark.parametrize("error", [fs.BackendError, fs.PermissionDenied, fs.FSError])
def test_a_photo_that_cannot_be_brought_back_is_a_message_and_can_be_tried_again(
    visitor, photos, breaking, monkeypatch, caplog, error
):
    photos.write("a.png", PNG)
    visitor.delete("a.png")
    page = visitor.page()
    breaking(photos, "move", error)
    assert visitor.undo(page).status_code == 303
    page = visitor.page()
    assert page.messages == [f"The image is not back. {error.user_message}"]
    assert "the store failed" in caplog.text
    monkeypatch.undo()
    visitor.undo(page)
    assert visitor.page().names == ["a.png"]


def test_what_cannot_be_swept_stops_neither_a_deletion_nor_the_rest(gallery, visitor, photos, breaking, caplog):
    old = [photos.write(f".deleted/{number}-{'0' * 16}/old.png", PNG) for number in (1, 2)]
    photos.write("a.png", PNG)
    breaking(photos, "delete", fs.PermissionDenied, ".deleted/1-")
    visitor.delete("a.png")
    page = visitor.page()
    assert page.messages == ["“a.png” was deleted."]
    assert page.names == []
    assert (photos.exists(old[0]), photos.exists(old[1])) == (True, False)
    assert "the store failed" in caplog.text
    visitor.undo(page)
    assert visitor.page().names == ["a.png"]


@pytest.mark.parametrize(
    ("storage", "method"), [("photos", "list_files"), ("photos", "delete"), ("thumbnails", "delete")]
)
def test_what_fails_after_a_photo_was_moved_is_only_logged(gallery, visitor, photos, breaking, caplog, storage, method):
    photos.write("a.png", PNG)
    photos.write(f".deleted/1-{'0' * 16}/old.png", PNG)
    breaking(getattr(gallery, storage), method, fs.BackendError)
    visitor.delete("a.png")
    assert "the store failed" in caplog.text
    page = visitor.page()
    assert page.messages == ["“a.png” was deleted."]
    visitor.undo(page)
    page = visitor.page()
    assert page.messages == ["“a.png” is back."]
    assert page.names == ["a.png"]


def test_a_storage_that_cannot_be_listed_is_a_page_that_says_so(visitor, photos, monkeypatch, caplog):
    def fail(*args):
        raise fs.BackendError("the store failed")

    monkeypatch.setattr(photos, "entries", fail)
    response = visitor.client.get("/")
    assert response.status_code == 503
    assert Page(response).messages == [f"The images cannot be shown. {fs.BackendError.user_message}"]
    assert "There are no images" not in response.get_data(as_text=True)
    assert "the store failed" in caplog.text


@pytest.mark.parametrize("name", ["virus.exe", "a.png.php", "", "☃", "..."])
def test_an_upload_by_the_script_is_refused_for_the_reason_of_the_form(visitor, photos, name):
    answer = visitor.ask(name)
    assert answer.status_code in (400, 415)
    if name:
        visitor.upload((name, PNG))
        assert visitor.page().refused == [f"{name} {answer.json['description']}"]
    assert answer.json["description"]


def test_an_upload_by_the_script_keeps_the_name_of_the_photo_unless_it_is_taken(visitor, photos):
    answer = visitor.ask("A photo.PNG")
    assert (answer.status_code, answer.json["name"]) == (200, "A_photo.png")
    assert "/-/upload/" in answer.json["url"]
    random = r"A_photo-\w+\.png"
    assert re.fullmatch(random, visitor.ask("A photo.PNG", same="1").json["name"])
    photos.write("A_photo.png", PNG)
    assert re.fullmatch(random, visitor.ask("A photo.PNG").json["name"])


def put(photos, **times):
    """Store photos, so many days old."""
    for name, days in times.items():
        photos.write(f"{name}.png", PNG)
        then = time.time() - days * 24 * 3600
        os.utime(photos.path(f"{name}.png"), (then, then))


def test_orders(visitor, photos):
    put(photos, b=1, a=3, c=2, Img10=5, img2=4)
    newest = ["b.png", "c.png", "a.png", "img2.png", "Img10.png"]
    assert visitor.page().names == visitor.page(order="newest").names == visitor.page(order="best").names == newest
    assert visitor.page(order="oldest").names == newest[::-1]
    # people take 10 for more than 2
    assert visitor.page(order="name").names == ["a.png", "b.png", "c.png", "img2.png", "Img10.png"]


def test_photos_whose_time_is_unknown_are_the_oldest(gallery, visitor, photos, monkeypatch):
    put(photos, b=1, a=3)
    entries = list(photos.entries())
    monkeypatch.setattr(photos, "entries", lambda: iter([*entries, entries[0]._replace(name="c.png", modified=None)]))
    assert visitor.page().names == ["b.png", "a.png", "c.png"]


def test_pages(gallery, visitor, photos, monkeypatch):
    monkeypatch.setattr(gallery.library, "PHOTOS_PER_PAGE", 2)
    put(photos, e=1, a=2, d=3, c=4, f=5)
    seen, url = [], "/?order=oldest"
    for number in (1, 2, 3):
        response = visitor.get(url)
        page = Page(response)
        seen.append(page.names)
        assert f"{number * 2 - 1} to {min(number * 2, 5)} of 5 images" in response.get_data(as_text=True)
        url = f"/?order=oldest&page={number + 1}"
        assert (url in page.links) == (number < 3)
    assert seen == [["f.png", "c.png"], ["d.png", "a.png"], ["e.png"]]
    # the last page, if its only photo was deleted
    assert visitor.page(page=4, order="oldest").names == ["e.png"]


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "9" * 5000, "1e3"])
def test_a_page_that_does_not_exist_is_the_first_or_the_last(visitor, photos, page):
    put(photos, a=1)
    assert visitor.page(page=page).names == ["a.png"]


@pytest.mark.parametrize(
    ("number", "count", "numbers"),
    [
        (1, 1, [1]),
        (1, 2, [1, 2]),
        (2, 3, [1, 2, 3]),
        (1, 9, [1, 2, None, 9]),
        (5, 9, [1, None, 4, 5, 6, None, 9]),
        (9, 9, [1, None, 8, 9]),
        (1667, 1667, [1, None, 1666, 1667]),
    ],
)
def test_page_numbers(gallery, number, count, numbers):
    assert gallery.library.Page([], number, count, 0).numbers == numbers


def test_a_page_lists_once_and_asks_for_no_file(visitor, photos, monkeypatch):
    put(photos, a=1, b=2)
    calls = []
    for verb in ("size", "exists", "metadata", "open", "read", "list_files"):
        monkeypatch.setattr(photos, verb, lambda *arguments, verb=verb: calls.append(verb))
    entries = photos.entries
    monkeypatch.setattr(photos, "entries", lambda: calls.append("entries") or entries())
    assert visitor.page().names == ["a.png", "b.png"]
    assert calls == ["entries"]


def test_environment_chooses_another_backend(gallery, tmp_path, monkeypatch):
    monkeypatch.setenv("FLASK_FS_BACKEND", "memory")
    monkeypatch.setenv("FLASK_PHOTOS_FS_VERIFY", "false")
    app = gallery.create_app(instance_path=str(tmp_path / "instance"))
    visitor = Visitor(app)
    visitor.upload(("a.png", PNG))
    assert visitor.get(visitor.page().images[0]).data == PNG
    with app.app_context():
        assert isinstance(gallery.photos.fs.delegate_fs(), MemoryFS)
    assert not (tmp_path / "instance").exists()


@pytest.fixture
def verifying(gallery, tmp_path):
    """The gallery as it comes: it takes only what is an image."""
    app = gallery.create_app(instance_path=str(tmp_path / "instance"))
    with app.app_context():
        yield app


def drawn(color="teal"):
    file = io.BytesIO()
    Image.new("RGB", (900, 600), color).save(file, "PNG")
    return file.getvalue()


def bomb():
    """Return a PNG that says it is 40,000 pixels wide and high."""
    content = drawn()
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return content[:12] + chunk + content[33:]


REFUSED = {
    "a picture.jpg": (drawn(), "The file is not what its name says: its content is not that of a jpg file."),
    "empty.png": (b"", "The file is empty."),
    "broken.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'>", "The SVG file "),
    "page.svg": (b"<html></html>", "The SVG file "),
    "bomb.png": (bomb(), "The image has too many pixels: it may have "),
    "torn.png": (drawn()[:-40], "The image is damaged, or incomplete."),
    "note.txt": (b"text", "Only jpg, "),
}


def test_each_file_is_refused_for_its_real_reason(gallery, verifying):
    visitor = Visitor(verifying)
    for first in range(0, len(REFUSED), gallery.REASONS_SHOWN):
        some = list(REFUSED.items())[first : first + gallery.REASONS_SHOWN]
        visitor.upload(*((name, content) for name, (content, _) in some))
        page = visitor.page()
        assert page.messages[0].startswith("0 images were stored.")
        for said, (name, (_, reason)) in zip(page.refused, some, strict=True):
            assert said.startswith(f"{name} {reason}")
    for name, (content, reason) in REFUSED.items():
        answer = visitor.send(name, content)
        assert answer.status_code == 415
        assert answer.json["description"].startswith(reason)
    assert list(gallery.photos.list_files()) == []


def small(response):
    with Image.open(io.BytesIO(response.data)) as image:
        return image.size, image.convert("RGB").getpixel((5, 5))


def test_thumbnails_are_made_when_they_are_first_asked_for_and_go_with_their_images(gallery, verifying):
    visitor = Visitor(verifying)
    visitor.upload(("a.png", drawn()), ("b.svg", SVG))
    images, links = visitor.page(order="name").images, visitor.page(order="name").links
    assert images[1] == "/photos/b.svg"
    assert {"/photos/a.png", "/photos/b.svg"} < set(links)
    assert list(gallery.thumbnails.list_files()) == []
    for _ in range(2):
        response = visitor.get(images[0])
        assert (response.mimetype, small(response)) == ("image/png", ((480, 320), (0, 128, 128)))
        assert "max-age=86400" in response.headers["Cache-Control"]
    assert list(gallery.thumbnails.list_files()) == ["a.png"]
    visitor.delete("a.png")
    assert list(gallery.thumbnails.list_files()) == []
    visitor.undo(visitor.page())
    assert small(visitor.get(images[0])) == ((480, 320), (0, 128, 128))


def test_a_photo_that_takes_the_name_of_another_has_another_thumbnail(gallery, verifying):
    visitor = Visitor(verifying)
    urls = []
    for color, shown in (("teal", (0, 128, 128)), ("red", (255, 0, 0))):
        visitor.upload(("a.png", drawn(color)))
        urls += visitor.page().images
        assert small(visitor.get(urls[-1]))[1] == shown
        visitor.delete("a.png")
    assert urls[0] != urls[1]


@pytest.mark.parametrize("change", ["delete", "replace"])
def test_a_thumbnail_of_what_changes_while_it_is_made_does_not_stay(gallery, verifying, monkeypatch, change):
    visitor = Visitor(verifying)
    visitor.upload(("a.png", drawn()))
    (url,) = visitor.page().images
    resize = gallery.library.images.resize

    def changing(*arguments):
        made = resize(*arguments)
        if change == "delete":
            gallery.photos.delete("a.png")
        else:
            gallery.photos.write("a.png", drawn("red"), overwrite=True)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(gallery.library.images, "resize", changing)
        visitor.get(url)
    assert list(gallery.thumbnails.list_files()) == []


@pytest.mark.parametrize("name", ["", "x.png", "../x.png", "/", "."])
def test_a_thumbnail_of_nothing(gallery, verifying, caplog, name):
    response = verifying.test_client().get("/thumbnail", query_string={"name": name}, follow_redirects=True)
    assert response.status_code in (400, 404)
    assert caplog.text == ""


def test_a_thumbnail_that_cannot_be_stored_costs_nothing_but_itself(gallery, verifying, monkeypatch, caplog):
    def fail(*arguments, **options):
        raise fs.BackendError("the disk is full")

    monkeypatch.setattr(gallery.thumbnails, "write", fail)
    visitor = Visitor(verifying)
    visitor.upload(("a.png", drawn()))
    response = visitor.client.get(visitor.page().images[0])
    assert (response.status_code, response.location) == (302, "/photos/a.png")
    assert "has no thumbnail" in caplog.text


def test_without_pillow_the_images_themselves_are_shown(gallery, verifying, monkeypatch):
    monkeypatch.setattr(gallery.library, "images", None)
    visitor = Visitor(verifying)
    visitor.upload(("a.png", drawn()))
    assert visitor.client.get(visitor.page().images[0]).location == "/photos/a.png"
