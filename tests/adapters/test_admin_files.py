"""StorageAdmin: the file manager of Flask-Admin on a storage."""

import html
import io
import re
import unicodedata

import pytest
from flask_admin import Admin
from flask_admin.form import SecureForm
from templates import COMPILED, found_in

import flask_pyfs as fs
from flask_pyfs.admin import StorageAdmin
from flask_pyfs.signals import before_display, file_deleted, file_uploaded

NFD = unicodedata.normalize("NFD", "café")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645"
    "400000000049454e44ae426082"
)


def links_of(page):
    """Return the links of a page, each with its text."""
    found = re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL)
    return [(html.unescape(link), html.unescape(re.sub(r"<[^>]*>", "", text)).strip()) for link, text in found]


class Manager:
    """What a person does in the admin, in a browser without scripts."""

    def __init__(self, app, storage, kind=StorageAdmin, **attributes):
        self.app, self.storage = app, storage
        self.view = type("View", (kind,), attributes)(storage, endpoint="papers")
        Admin(app).add_view(self.view)
        # the templates are the same for all tests
        app.jinja_env.bytecode_cache = COMPILED
        self.client = app.test_client()
        self.top = "/admin/papers"

    def page(self, path="", **query):
        answer = self.client.get(f"{self.top}/b/{path}" if path else f"{self.top}/", query_string=query)
        assert answer.status_code == 200, answer
        return answer.text

    def rows(self, path="", **query):
        """Return what a page lists, with a slash behind directories."""
        table = self.page(path, **query).partition("<table")[2].partition("</table>")[0]
        shown = []
        for link, text in links_of(table):
            if "/b/" in link and "sort=" not in link and text != "..":
                shown.append(f"{text}/")
            elif "/download/" in link or "/edit/" in link:
                shown.append(text)
        return shown

    def post(self, url, **form):
        with self.client.session_transaction() as session:
            session.pop("_flashes", None)
        answer = self.client.post(f"{self.top}{url}", data=form)
        assert answer.status_code in (200, 302), answer
        with self.client.session_transaction() as session:
            said = [text for _, text in session.pop("_flashes", [])]
        shown = re.findall(r'<div class="alert.*?</button>(.*?)</div>', answer.text, re.DOTALL)
        return said or [html.unescape(text).strip() for text in shown]

    def upload(self, content, name, directory=""):
        return self.post(f"/upload/{directory}", upload=(io.BytesIO(content), name))

    def rename(self, path, name):
        return self.post("/rename/", path=path, name=name)

    def delete(self, path):
        return self.post("/delete/", path=path)

    def download(self, path):
        return self.client.get(f"{self.top}/download/{path}")


@pytest.fixture(params=["memory", "local"])
def backend(request):
    return request.param


@pytest.fixture
def manager(app, backend):
    """A function that makes a storage and its manager."""

    def make(extensions=fs.ALL, settings=(), kind=StorageAdmin, **attributes):
        storage = fs.Storage("papers", extensions, upload_to="elsewhere")
        app.config["PAPERS_FS_BACKEND"] = backend
        app.config.update({f"PAPERS_FS_{key}": value for key, value in dict(settings).items()})
        fs.init_app(app, storage)
        return Manager(app, storage, kind, **attributes)

    return make


def walk_through(made):
    """Do everything once."""
    storage = made.storage
    assert made.rows() == []
    assert made.post("/mkdir/", name="plans") == ["Successfully created directory: plans"]
    assert made.rows() == ["plans/"]
    assert made.rows("plans") == []
    assert made.upload(b"a text", "фото 1.TXT", "plans") == ["Successfully saved file: фото 1.TXT"]
    (name,) = storage.list_files()
    assert name == "plans/фото_1.txt"
    assert made.rows("plans") == ["фото_1.txt"]
    assert made.download(name).data == b"a text"
    assert made.rename(name, "фото.txt") == ['Successfully renamed "фото_1.txt" to "фото.txt"']
    assert storage.read("plans/фото.txt") == b"a text"
    made.upload(b"other", "b.txt", "plans")
    assert made.rename("plans", "old plans") == ['Successfully renamed "plans" to "old plans"']
    assert made.rows() == ["old plans/"]
    assert made.rows("old plans") == ["b.txt", "фото.txt"]
    assert sorted(storage.list_files()) == ["old plans/b.txt", "old plans/фото.txt"]
    assert made.delete("old plans/b.txt") == ['File "old plans/b.txt" was successfully deleted.']
    assert made.delete("old plans") == ['Directory "old plans" was successfully deleted.']
    assert list(storage.list_files()) == []
    assert made.rows() == []


def test_everything_once(manager):
    walk_through(manager())


def test_everything_once_below_a_prefix(manager):
    walk_through(manager(settings={"PREFIX": "below/here"}))


def test_everything_once_with_a_backend_of_flask_fs_as_far_as_it_can(app):
    class Old:
        def __init__(self, name, config):
            self.files = {}

        def exists(self, filename):
            return filename in self.files

        def read(self, filename):
            return self.files[filename]

        def write(self, filename, content):
            self.files[filename] = content.read() if hasattr(content, "read") else content

        def save(self, file, filename):
            self.files[filename] = file.read()

        def delete(self, filename):
            self.files.pop(filename, None)

        def list_files(self):
            yield from self.files

        def get_metadata(self, filename):
            return {"size": len(self.files[filename]), "modified": None, "mime": "text/plain"}

        def serve(self, filename):
            return self.files[filename]

        def open(self, filename, mode="r", encoding="utf8"):
            return io.BytesIO(self.files[filename])

    storage = fs.Storage("papers", fs.ALL)
    app.config["PAPERS_FS_BACKEND"] = "memory"
    fs.init_app(app, storage)
    made = Manager(app, storage)
    with app.app_context():
        storage.backend = Old("papers", {})
        storage.write("plans/a.txt", b"text")
        assert made.rows() == ["plans/"]
        assert made.rows("plans") == ["a.txt"]
        assert made.upload(b"b", "b.txt", "plans") == ["Successfully saved file: b.txt"]
        assert made.download("plans/b.txt").data == b"b"
        assert made.rename("plans", "new") == ['Successfully renamed "plans" to "new"']
        assert made.rows("new") == ["a.txt", "b.txt"]
        assert made.delete("new/a.txt") == ['File "new/a.txt" was successfully deleted.']
        assert made.rows("new") == ["b.txt"]
        (said,) = made.post("/mkdir/", name="x")
        assert said == "Failed to create directory: This cannot be done with the file."


OUTSIDE = [
    "..",
    "../a.txt",
    "plans/../../a.txt",
    "..%2fa.txt",
    "..%2f..%2fa.txt",
    "%2e%2e/a.txt",
    "a%00.txt",
    "plans%5c..%5ca",
]
OUTSIDE += ["/", "//", ".flask_pyfs-1", "plans/.FLASK_PYFS/x", "../root-beside/a.txt", "%2fetc%2fpasswd", "/etc/passwd"]


def test_no_path_leaves_the_storage(manager, tmp_path):
    made = manager(editable_extensions=("txt",))
    (tmp_path / "root").mkdir(exist_ok=True)
    (tmp_path / "root" / "a.txt").write_text("of others")
    (tmp_path / "a.txt").write_text("of others")
    made.storage.write("plans/b.txt", "mine")
    for path in OUTSIDE:
        for url in ("b", "download", "upload", "mkdir"):
            answer = made.client.get(f"{made.top}/{url}/{path}", follow_redirects=True)
            assert answer.status_code in (200, 404)
            assert "of others" not in answer.text
        plain = path.replace("%2f", "/").replace("%2e", ".").replace("%00", "\0").replace("%5c", "\\")
        for url, form in (
            ("/rename/", {"name": "x.txt"}),
            ("/delete/", {}),
            ("/action/", {"action": "delete", "rowid": plain}),
        ):
            assert made.client.post(f"{made.top}{url}", data={"path": plain, **form}).status_code in (302, 404)
        assert made.client.get(f"{made.top}/edit/", query_string={"path": plain}).status_code in (302, 404)
        made.client.post(f"{made.top}/edit/", query_string={"path": plain}, data={"content": "gone"})
    assert (tmp_path / "a.txt").read_text() == (tmp_path / "root" / "a.txt").read_text() == "of others"
    assert made.storage.read("plans/b.txt") == b"mine"


NO_NAMES = ["../a.txt", "a/b.txt", "..", ".", ".flask_pyfs-1", "FLASK_~1", "a\0.txt", "a\\b.txt", " "]


def test_no_new_name_leaves_its_directory(manager):
    made = manager()
    made.storage.write("plans/b.txt", "mine")
    for name in NO_NAMES:
        said = [*made.rename("plans/b.txt", name), *made.rename("plans", name), *made.post("/mkdir/plans", name=name)]
        assert not [each for each in said if "Success" in each], name
    assert list(made.storage.list_files()) == ["plans/b.txt"]
    assert made.rows() == ["plans/"]


def test_the_root_is_neither_renamed_nor_deleted(manager):
    made = manager()
    made.storage.write("x/b.txt", "mine")
    for root in ("", ".", "./", "x/.."):
        for url in ("/delete/", "/rename/"):
            made.client.post(f"{made.top}{url}", data={"path": root, "name": "other"})
        made.client.post(f"{made.top}/action/", data={"action": "delete", "rowid": root})
    assert list(made.storage.list_files()) == ["x/b.txt"]


def test_a_taken_name_is_never_replaced(manager):
    made = manager()
    for name in ("a.txt", "b.txt", "x/a.txt", "y/a.txt"):
        made.storage.write(name, name)
    taken = "There is already a file with this name. Choose another name."
    assert made.upload(b"new", "a.txt") == [f"Failed to save file: {taken}"]
    assert made.rename("a.txt", "b.txt") == [f"Failed to rename: {taken}"]
    assert made.rename("x", "y") == [f"Failed to rename: {taken}"]
    assert made.rename("x", "b.txt") == [f"Failed to rename: {taken}"]
    assert made.post("/mkdir/", name="x") == [f"Failed to create directory: {taken}"]
    assert made.post("/mkdir/", name="a.txt") == [f"Failed to create directory: {taken}"]
    assert {name: made.storage.read(name) for name in made.storage.list_files()} == {
        name: name.encode() for name in ("a.txt", "b.txt", "x/a.txt", "y/a.txt")
    }
    assert made.rename("a.txt", "a.txt") == ['Successfully renamed "a.txt" to "a.txt"']
    assert made.rename("x", "x") == ['Successfully renamed "x" to "x"']


def test_an_overwriting_storage_replaces_nothing_either(manager):
    made = manager()
    made.storage.overwrite = True
    made.storage.write("a.txt", "old")
    made.storage.write("b.txt", "old")
    made.upload(b"new", "a.txt")
    made.rename("b.txt", "a.txt")
    assert made.storage.read("a.txt") == b"old"


def test_what_the_storage_refuses_is_refused_in_every_way(manager):
    made = manager(["txt", "png"], {"DENY": ["php"], "VERIFY": True, "MAX_SIZE": 90})
    made.storage.write("a.txt", "text")
    only = "Only txt and png files are accepted."
    assert f"Failed to upload file: File to upload: {only}" in made.upload(b"x", "a.php")
    assert made.rename("a.txt", "a.php") == [f"Failed to rename: {only}"]
    assert made.rename("a.txt", "a.php.txt") == [
        "Failed to rename: The name of the file must not contain .php. Rename the file."
    ]
    wrong = "The file is not what its name says: its content is not that of a png file."
    assert f"Failed to upload file: File to upload: {wrong}" in made.upload(b"x", "x.png")
    assert made.rename("a.txt", "a.png") == [f"Failed to rename: {wrong}"]
    assert any("too large" in said for said in made.upload(b"x" * 91, "x.txt"))
    assert any("This field is required." in said for said in made.post("/upload/"))
    assert list(made.storage.list_files()) == ["a.txt"]


def test_allowed_extensions_of_the_view_narrow_those_of_the_storage(manager):
    made = manager(["txt", "md"], allowed_extensions=("md",))
    assert any("Invalid file type." in said for said in made.upload(b"x", "a.txt"))
    assert made.upload(b"x", "a.md") == ["Successfully saved file: a.md"]


NASTY = [
    "it's.txt",
    "');alert(1);('.txt",
    '"><script>alert(1)</script>.txt',
    "<img src=x onerror=alert(1)>.txt",
    "{{7*7}}.txt",
    "&lt;b&gt;.txt",
]
NASTY += [
    "a%2fb.txt",
    "a%b?c#d.txt",
    "javascript:alert(1)",
    "a b+c.txt",
    "\u202etxt.exe",
    "a`b.txt",
    "-rf",
]


QUESTION = re.compile(r'return confirm\("(?:[^"\\\n\']|\\.)*"\)|return modelActions\.execute\(\'\w+\'\);')


@pytest.mark.parametrize("modal", [False, True])
def test_a_name_is_text_and_nothing_else(manager, modal):
    made = manager(editable_extensions=("txt",), edit_modal=modal, rename_modal=modal)
    for name in NASTY:
        made.storage.write(f"files/{name}", name)
        made.storage.write(f"dirs/{name}/x.txt", name)
    parts = {name.partition("/")[0] for name in NASTY}
    assert set(made.rows("dirs")) == {f"{part}/" for part in parts}
    shown = made.page("files") + made.page("dirs")
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown
    questions = [html.unescape(script) for script in re.findall(r'onclick="(.*?)"', shown)]
    assert len(questions) >= 2 * len(NASTY)
    # each is one call with one text in JSON
    assert all(map(QUESTION.fullmatch, questions))
    names = sorted(name for name in NASTY if "/" not in name)
    links = [link for link, _ in links_of(made.page("files")) if "/download/" in link or "/edit/" in link]
    assert len(links) == len(names)
    for link in links:
        answer = made.client.get(link)
        assert answer.status_code == 200
        assert any(name in html.unescape(answer.text) for name in names)
    for name in names:
        said = made.rename(f"files/{name}", "<b>.txt")
        assert "uccess" in said[0]
        assert "<b>" not in made.page("files")
        assert "uccess" in made.delete("files/<b>.txt")[0]


def test_a_served_page_does_not_run(manager):
    made = manager(settings={"CACHE_CONTROL": "public, max-age=60"})
    made.storage.write("a.html", "<script>alert(1)</script>")
    answer = made.download("a.html")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer.headers["Cache-Control"]
    assert made.client.get(f"{made.top}/download/a.html", headers={"Range": "bytes=0-6"}).data == b"<script"


def test_private_files_are_for_whom_the_admin_is_for(manager):
    allowed = []
    made = manager(
        settings={"PRIVATE": True, "AUTHORIZE": lambda access: False},
        is_accessible=lambda self: bool(allowed),
        is_accessible_path=lambda self, path: not path.startswith("secret"),
    )
    made.storage.write("a.txt", "text")
    made.storage.write("secret/b.txt", "text")
    assert made.download("a.txt").status_code == 403
    assert made.client.get(f"{made.top}/").status_code == 403
    allowed.append(True)
    assert made.download("a.txt").data == b"text"
    assert made.rows() == ["a.txt"]
    for path in (
        "secret/b.txt",
        "/secret/b.txt",
        "secret//b.txt",
        "./secret/b.txt",
        "%2fsecret/b.txt",
        "secret/./b.txt",
    ):
        assert made.client.get(f"{made.top}/download/{path}", follow_redirects=True).status_code in (403, 404)
        for url in ("/rename/", "/delete/"):
            made.client.post(f"{made.top}{url}", data={"path": path, "name": "c.txt"})
    for name in ("secret.txt", " secret.txt", "secret .txt "):
        assert made.rename("a.txt", name) == ["Failed to rename: Permission denied."]
    assert made.upload(b"new", "../secret new.txt") == ["Failed to save file: Permission denied."]
    assert made.post("/mkdir/", name=" secret 2") == ["Failed to create directory: Permission denied."]
    assert made.rows() == ["a.txt"]
    assert sorted(made.storage.list_files()) == ["a.txt", "secret/b.txt"]


def test_csrf_as_flask_admin_has_it(manager):
    made = manager(form_base_class=SecureForm, editable_extensions=("txt",))
    made.storage.write("a.txt", "text")
    made.storage.write("d/a.txt", "text")
    forged = [
        ("/delete/", {"path": "a.txt"}),
        ("/delete/", {"path": "d"}),
        ("/rename/", {"path": "a.txt", "name": "b.txt"}),
        ("/mkdir/", {"name": "x"}),
        ("/action/", {"action": "delete", "rowid": "a.txt"}),
        ("/edit/?path=a.txt", {"content": "gone"}),
    ]
    for url, form in forged:
        assert not any("uccess" in said for said in made.post(url, **form))
    made.upload(b"x", "x.txt")
    assert sorted(made.storage.list_files()) == ["a.txt", "d/a.txt"]
    assert made.storage.read("a.txt") == b"text"
    assert made.rows() == ["a.txt", "d/"]
    token = found_in(made.page(), r'name="csrf_token"[^>]*value="([^"]+)"')
    assert made.post("/delete/", path="d", csrf_token=token) == ['Directory "d" was successfully deleted.']
    sent = {"upload": (io.BytesIO(b"x"), "x.txt"), "csrf_token": token}
    assert made.post("/upload/", **sent) == ["Successfully saved file: x.txt"]


def test_a_get_changes_nothing(manager):
    made = manager(editable_extensions=("txt",))
    made.storage.write("a.txt", "text")
    for url in (
        "delete/?path=a.txt",
        "action/?action=delete&rowid=a.txt",
        "rename/?path=a.txt&name=b.txt",
        "mkdir/?name=x",
        "edit/?path=a.txt&content=x",
    ):
        made.client.get(f"{made.top}/{url}")
    assert made.rows() == ["a.txt"]
    assert made.storage.read("a.txt") == b"text"


def test_what_the_view_forbids(manager):
    made = manager(can_upload=False, can_delete=False, can_mkdir=False, can_rename=False, can_download=False)
    made.storage.write("d/a.txt", "text")
    made.upload(b"x", "x.txt")
    made.delete("d/a.txt")
    made.delete("d")
    made.rename("d", "e")
    made.rename("d/a.txt", "b.txt")
    made.post("/mkdir/", name="x")
    made.post("/action/", action="delete", rowid="d/a.txt")
    assert made.download("d/a.txt").status_code == 404
    assert list(made.storage.list_files()) == ["d/a.txt"]
    assert "a.txt" in made.page("d")


@pytest.mark.parametrize(
    ("before", "sent", "after"),
    [
        (b"one\ntwo\n", "1\r\n2\r\n", b"1\n2\n"),
        (b"one\r\ntwo", "1\r\n2", b"1\r\n2"),
        ("größe".encode(), "größer", "größer".encode()),
        (b"one", "one", b"one"),
    ],
)
def test_a_text_is_edited(manager, before, sent, after):
    made = manager(["txt"], editable_extensions=("txt",))
    made.storage.write("d/a.txt", before)
    page = made.client.get(f"{made.top}/edit/", query_string={"path": "d/a.txt"}).text
    assert before.decode().split()[0] in page
    assert made.post("/edit/?path=d/a.txt", content=sent) == ["Changes to d/a.txt saved successfully."]
    assert made.storage.read("d/a.txt") == after


def test_what_cannot_be_edited(manager):
    made = manager(["txt"], {"MAX_SIZE": 10, "VERIFY": True}, editable_extensions=("txt", "md"))
    made.storage.write("a.txt", b"\xff\xfe\xff")
    made.storage.write("b.txt", b"x" * 1_048_577)
    made.storage.write("c.txt", b"text")
    made.storage.write("d.md", b"text")
    for path in ("a.txt", "b.txt"):
        assert made.client.get(f"{made.top}/edit/", query_string={"path": path}).status_code == 302
    made.post("/edit/?path=c.txt", content="x" * 11)
    made.post("/edit/?path=d.md", content="new")
    made.post("/edit/?path=b.txt", content="new")
    assert (made.storage.read("c.txt"), made.storage.read("d.md"), made.storage.size("b.txt")) == (
        b"text",
        b"text",
        1_048_577,
    )
    assert made.client.get(f"{made.top}/edit/", query_string={"path": "missing.txt"}).status_code == 404


def test_several_pages(manager):
    made = manager(page_size=3)
    names = [f"f{number}.txt" for number in range(5)] + ["a/x.txt", "b/y.txt"]
    for name in names:
        made.storage.write(name, "x")
    seen, number, more = [], 1, True
    while more:
        seen += made.rows(page=number)
        following = {text: link for link, text in links_of(made.page(page=number))}
        more = following.get("Next page") == f"{made.top}/?page={number + 1}&sort=name"
        number += 1
    assert seen == ["a/", "b/", "f0.txt", "f1.txt", "f2.txt", "f3.txt", "f4.txt"]
    assert "Previous page" in made.page(page=2)
    for wrong in (0, -1, "x", 10**30, 9):
        assert made.client.get(f"{made.top}/?page={wrong}").status_code == 200


def test_sorting(manager):
    made = manager()
    for name, size in (("b.txt", 1), ("a.txt", 3), ("c.txt", 2)):
        made.storage.write(name, "x" * size)
    assert made.rows() == ["a.txt", "b.txt", "c.txt"]
    assert made.rows(sort="name", desc=1) == ["c.txt", "b.txt", "a.txt"]
    assert made.rows(sort="size") == ["b.txt", "c.txt", "a.txt"]
    assert len(made.rows(sort="date")) == 3
    assert made.client.get(f"{made.top}/?sort=nonsense", follow_redirects=True).status_code == 200


def test_the_time_and_the_size_are_shown(manager):
    made = manager(date_format="%Y")
    made.storage.write("a.txt", "x" * 1500)
    page = made.page()
    assert "1.5 kB" in page
    assert str(made.storage.metadata("a.txt")["modified"].year) in page


def test_several_files_are_deleted_at_once(manager):
    made = manager()
    for name in ("a.txt", "d/a.txt", "d/b.txt"):
        made.storage.write(name, "x")
    said = made.client.post(f"{made.top}/action/", data={"action": "delete", "rowid": ["a.txt", "d/b.txt"]})
    assert said.status_code == 302
    assert list(made.storage.list_files()) == ["d/a.txt"]


def test_signals_are_sent(manager):
    made, heard = manager(), []

    def hear(kind):
        return lambda storage, filename: heard.append((kind, filename))

    listeners = [hear(kind) for kind in ("stored", "deleted", "shown")]
    for signal, listener in zip((file_uploaded, file_deleted, before_display), listeners, strict=True):
        signal.connect(listener, sender=made.storage)
    made.upload(b"x", "a.txt")
    made.download("a.txt").close()
    made.delete("a.txt")
    assert heard == [("stored", "a.txt"), ("shown", "a.txt"), ("deleted", "a.txt")]


def test_hooks_of_flask_admin_are_called(manager):
    heard = []
    hooks = ["on_file_upload", "on_rename", "on_mkdir", "on_file_delete", "on_directory_delete", "before_file_delete"]
    made = manager(**{hook: lambda self, *names, hook=hook: heard.append((hook, *names)) for hook in hooks})
    made.post("/mkdir/", name="d")
    made.upload(b"x", "a.txt", "d")
    made.rename("d/a.txt", "b.txt")
    made.delete("d/b.txt")
    made.delete("d")
    assert heard == [
        ("on_mkdir", "", "d"),
        ("on_file_upload", "d", "d", "d/a.txt"),
        ("on_rename", "d/a.txt", "d", "b.txt"),
        ("before_file_delete", "d/b.txt", "d/b.txt"),
        ("on_file_delete", "d/b.txt", "d/b.txt"),
        ("on_directory_delete", "d", "d"),
    ]


def test_a_directory_is_renamed_whole_or_not_at_all(manager):
    class Failing(fs.Storage):
        def move(self, filename, target, overwrite=None):
            if filename == "d/b.txt":
                raise fs.BackendError("down, at a host", user_message="Later.")
            super().move(filename, target, overwrite)

    made = manager()
    made.storage.__class__ = Failing
    for name in ("d/a.txt", "d/b.txt", "d/e/c.txt"):
        made.storage.write(name, name)
    assert made.rename("d", "new") == ["Failed to rename: Later."]
    assert sorted(made.storage.list_files()) == ["d/a.txt", "d/b.txt", "d/e/c.txt"]


def test_what_cannot_be_moved_back_is_logged(manager, caplog):
    moved = []

    class Failing(fs.Storage):
        def move(self, filename, target, overwrite=None):
            if len(moved) == 2 and (target.startswith("new/") or target == moved[0]):
                raise fs.BackendError("down, at a host", user_message="Later.")
            super().move(filename, target, overwrite)
            if target.startswith("new/"):
                moved.append(str(filename))

    made = manager()
    made.storage.__class__ = Failing
    before = {"d/a.txt", "d/b.txt", "d/c.txt"}
    for name in before:
        made.storage.write(name, name)
    assert made.rename("d", "new") == ["Failed to rename: Later."]
    left = moved[0].replace("d/", "new/")
    assert set(made.storage.list_files()) == before - {moved[0]} | {left}
    said = [record.getMessage() for record in caplog.records if "moved back" in record.getMessage()]
    assert said == [f"storage 'papers': {left!r} could not be moved back to {moved[0]!r}"]


def test_a_name_in_nfd_is_that_file(manager):
    made = manager()
    made.storage.fs.makedirs(f"{NFD} dir")
    made.storage.fs.writebytes(f"{NFD}.txt", b"text")
    made.storage.fs.writebytes(f"{NFD} dir/{NFD}.txt", b"below")
    assert made.rows() == [f"{NFD} dir/", f"{NFD}.txt"]
    assert made.rows(f"{NFD} dir") == [f"{NFD}.txt"]
    assert made.download(f"{NFD} dir/{NFD}.txt").data == b"below"
    assert made.upload(b"x", "x.txt", f"{NFD} dir") == [
        "Failed to save file: Nothing new can be put into this directory, because of its name. Rename it first."
    ]
    assert "uccess" in made.rename(f"{NFD} dir", "plain")[0]
    assert made.rows() == [f"{NFD}.txt", "plain/"]
    assert "uccess" in made.delete(f"{NFD}.txt")[0]
    assert list(made.storage.list_files()) == [f"plain/{NFD}.txt"] or len(list(made.storage.list_files())) == 1


@pytest.mark.parametrize("backend", ["local"], indirect=True)
def test_no_link_leads_out(manager, tmp_path):
    made = manager(editable_extensions=("txt",))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("of others")
    made.storage.write("d/b.txt", "mine")
    root = tmp_path / "root" / "papers"
    (root / "d" / "link").symlink_to(outside)
    (root / "link.txt").symlink_to(outside / "a.txt")
    (root / "loop").symlink_to("loop")
    assert made.rows() == ["d/"]
    assert made.rows("d") == ["b.txt"]
    for path in ("link.txt", "d/link/a.txt", "d/link", "loop"):
        for url in ("download", "b", "upload", "mkdir"):
            answer = made.client.get(f"{made.top}/{url}/{path}")
            assert answer.status_code == 404, (url, path)
            assert "of others" not in answer.text
        made.client.post(f"{made.top}/edit/", query_string={"path": path}, data={"content": "gone"})
        made.client.post(f"{made.top}/rename/", data={"path": path, "name": "x.txt"})
    made.delete("d")
    assert (outside / "a.txt").read_text() == "of others"
    assert list(made.storage.list_files()) == []


def test_an_error_of_the_store_names_no_host(manager, caplog):
    made = manager()

    def failing(*arguments, **options):
        raise fs.BackendError("no route to db1.internal:9000", storage="papers")

    made.storage.write_only_new = failing
    assert made.upload(b"x", "a.txt") == [
        "Failed to save file: The file cannot be read or stored at the moment. Try again later."
    ]
    assert "db1.internal" in caplog.text


def test_what_is_no_storage_is_refused():
    with pytest.raises(TypeError, match=r"StorageAdmin needs its storage as the first argument, not str"):
        StorageAdmin("papers")  # type: ignore[arg-type]
