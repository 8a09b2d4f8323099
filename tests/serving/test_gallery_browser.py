"""The gallery in a real browser: with many files, with refused ones, offline, by keyboard, without JavaScript."""

import io
import itertools
import json
import time
from contextlib import ExitStack

import pytest
from axe import violations
from backend_settings import BACKENDS, MAKERS
from flask import current_app
from galleries import gallery as loaded
from PIL import Image
from servers.waitressapp import serving

import flask_pyfs as fs

STORED = "document.getElementById('transfer').hidden && document.getElementById('status').innerText.includes('stored')"
SAID = "document.getElementById('status').innerText"
ROWS = "[...document.querySelectorAll('#refused li')].map(row => row.innerText)"
NAMES = "[...document.querySelectorAll('#photos .name')].map(name => name.textContent)"
SHOWN = "[...document.querySelectorAll('#photos img')].every(image => image.complete && image.naturalWidth)"
FOCUS = "(document.activeElement.ariaLabel ?? document.activeElement.innerText).trim() || document.activeElement.id"
SCREENS = {"phone": (390, 844), "desk": (1280, 900)}

# what a finger is to hit: all that has a box, and the label for the input that lies over it
SMALL = """[...document.querySelectorAll("a, button, input:not([type=hidden])")].filter(each => {
  const {width, height} = each.getBoundingClientRect();
  return width && height && (width < 44 || height < 44);
}).map(each => each.outerHTML)"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def drawn(width=160, height=120, color="teal", kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", (width, height), color).save(file, kind)
    return file.getvalue()


REFUSED = {
    "a picture.jpg": (drawn(), "The file is not what its name says: its content is not that of a jpg file."),
    "empty.png": (b"", "The file is empty."),
    "broken.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'>", "The SVG file is damaged, or is no SVG."),
    "large.png": (bytes(300_000), "The file is too large: it may have 250 kB at most."),
    "note.txt": (b"text", "Only jpg, jpe, jpeg, png, gif, svg, bmp, webp and avif files are accepted."),
}


@pytest.fixture(scope="module")
def gallery():
    with loaded("gallery_in_browser") as module:
        yield module


@pytest.fixture
def make_gallery(gallery, monkeypatch, tmp_path):
    """Make the app of the gallery, with settings for its photos."""

    def make_gallery(settings):
        for key, value in settings.items():
            monkeypatch.setenv(f"FLASK_PHOTOS_FS_{key}", json.dumps(value))
        return gallery.create_app(instance_path=str(tmp_path / "instance"))

    return make_gallery


@pytest.fixture(scope="module")
def site(gallery, tmp_path_factory):
    """The gallery on the local disk, on one server for all tests."""
    app = gallery.create_app(instance_path=str(tmp_path_factory.mktemp("gallery")))
    with serving(app) as served, app.app_context():
        yield served


@pytest.fixture
def photos(gallery, site):
    """The photos of the site, which are none at first."""
    yield gallery.photos
    for storage in (gallery.photos, gallery.thumbnails):
        for name in list(storage.list_files()):
            storage.delete(name)
    site.exchanges.clear()


@pytest.fixture
def files(tmp_path):
    """Write files that a user chooses."""

    def files(contents):
        paths = [tmp_path / name for name in contents]
        for path, content in zip(paths, contents.values(), strict=True):
            path.write_bytes(content)
        return paths

    return files


def posts(site, path="/"):
    return [request for request in site.requests(path) if request.method == "POST"]


def sent(site):
    return [request for request in list(site.exchanges) if request.method == "PATCH"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_gallery(make_gallery, gallery, request, page, files, backend):
    with ExitStack() as stack:
        make = MAKERS.get(backend)
        app = make_gallery({"BACKEND": backend, **(make(request, stack) if make else {})})
        served = stack.enter_context(serving(app))
        stack.enter_context(app.app_context())
        upload_and_delete(page, served, gallery.photos, files)


def upload_and_delete(page, served, photos, files):
    (photo,) = files({"two words.png": drawn(320, 240)})
    page.open(served.url)
    assert "There are no images yet." in page.evaluate("document.body.innerText")
    page.choose_files("#files", photo)
    page.wait_for(STORED)
    assert page.evaluate(SAID) == "1 image was stored."
    (name,) = page.evaluate(NAMES)
    assert photos.read(name) == photo.read_bytes()
    page.wait_for(f"{SHOWN} && document.querySelector('#photos img').naturalWidth == 320")

    page.evaluate("document.querySelector('.delete button').click()")
    page.wait_for(f"{SAID}.includes('was deleted')")
    assert page.evaluate(NAMES) == []
    page.evaluate("document.querySelector('#undo button').click()")
    page.wait_for(f"{SAID}.includes('is back')")
    assert page.evaluate(NAMES) == [name]
    page.wait_for(SHOWN)
    assert photos.read(name) == photo.read_bytes()
    assert page.problems() == []


def test_refused_files_are_listed_with_their_reasons(site, photos, page, files, monkeypatch):
    monkeypatch.setitem(photos.config, "max_size", 250_000)
    page.open(site.url)
    page.choose_files("#files", *files({name: content for name, (content, _) in REFUSED.items()} | {"a.png": drawn()}))
    page.wait_for(STORED)
    assert page.evaluate(SAID) == "1 image was stored. 5 files were not."
    assert sorted(page.evaluate(ROWS)) == sorted(f"{name} {reason}" for name, (_, reason) in REFUSED.items())
    # those that the storage does not take by their names or sizes were not sent
    assert len(sent(site)) == 3
    assert violations(page) == []
    # what is refused is not tried again
    assert page.evaluate("document.getElementById('again').hidden")


def test_many_files_have_one_message(gallery, site, photos, page, files, soak, monkeypatch):
    # more than a page has
    number, shown = (1000, 60) if soak else (24, 20)
    monkeypatch.setattr(gallery.library, "PHOTOS_PER_PAGE", shown)
    page.show_on(*SCREENS["desk"])
    page.open(site.url)
    page.evaluate(
        f"new MutationObserver(() => (window.said ??= []).push({SAID})).observe("
        "document.getElementById('status'), {childList: true})"
    )
    chosen = files({f"{index}.png": drawn() for index in range(number)} | {f"{index}.txt": b"x" for index in range(20)})
    page.choose_files("#files", *chosen)
    page.wait_for("document.querySelector('#transfer progress').value > 0")
    page.wait_for(STORED, 120)
    assert page.evaluate(SAID) == f"{number:,} images were stored. 20 files were not."
    said = page.evaluate("said")
    assert said[0] == f"Uploading {number + 20:,} images…"
    assert len(said) <= 5
    assert page.evaluate("document.querySelectorAll('main [role=status], main [aria-live], main output').length") == 1
    # the list scrolls in itself, and the page has a part of the images
    assert page.evaluate("document.querySelectorAll('#refused li').length") == 20
    assert page.evaluate("document.getElementById('refused').offsetHeight") < 250
    assert page.evaluate("document.documentElement.scrollHeight") < 5000
    assert page.evaluate("document.querySelector('#photos h2').innerText") == f"1 to {shown} of {number:,} images"
    assert violations(page) == []
    page.open(f"{site.url}/?page=2&order=name")
    assert page.evaluate(NAMES)[0] == f"{shown}.png"
    assert violations(page) == []


def test_photos_of_one_name_are_stored_each(site, photos, page, files, tmp_path):
    paths = [tmp_path / folder / "a.png" for folder in "12"]
    for path, color in zip(paths, ("teal", "navy"), strict=True):
        path.parent.mkdir()
        path.write_bytes(drawn(color=color))
    page.open(site.url)
    page.choose_files("#files", *paths)
    page.wait_for(STORED)
    page.choose_files("#files", *files({"a.png": drawn(color="red")}))
    page.wait_for(f"{STORED} && {NAMES}.length == 3")
    assert {photos.read(name) for name in photos.list_files()} == {
        drawn(color=each) for each in ("teal", "navy", "red")
    }


def test_cancel_and_try_again(site, photos, page, files):
    page.open(site.url)
    page.connect(bytes_per_second=100_000)
    page.choose_files("#files", *files({f"{number}.bmp": drawn(200, 150, kind="BMP") for number in range(12)}))
    page.wait_for("document.querySelector('#transfer progress').value > 0")
    assert violations(page) == []
    page.evaluate("document.getElementById('cancel').focus()")
    page.press("Enter")
    page.wait_for("document.getElementById('transfer').hidden")
    said = page.evaluate(SAID)
    assert said.startswith("Cancelled.")
    assert said.endswith("to be sent.")
    assert page.evaluate(FOCUS).startswith("Try again (")
    assert violations(page) == []
    page.connect()
    page.press("Enter")
    page.wait_for(STORED)
    assert page.evaluate(SAID) == "12 images were stored."
    assert page.evaluate(FOCUS) == "files"
    # also what the app had taken when its answer was cancelled is there once
    assert len(list(photos.list_files())) == 12


def test_what_fails_is_tried_again(site, photos, page, files, monkeypatch):
    def fail(*arguments, **options):
        raise fs.BackendError("the store failed")

    page.open(site.url)
    # the script waits a while before it tries again
    page.evaluate("window.setTimeout = (wait => (work, ms) => wait(work, ms / 100))(window.setTimeout)")
    with monkeypatch.context() as patch:
        patch.setattr(photos, "resumable_url", fail)
        page.choose_files("#files", *files({"a.png": drawn(), "b.png": drawn(), "note.txt": b"x"}))
        page.wait_for(STORED)
        assert page.evaluate(SAID) == "0 images were stored. 3 files were not."
        assert sorted(page.evaluate(ROWS))[0] == f"a.png {fs.BackendError.user_message}"
    page.evaluate("document.getElementById('again').click()")
    page.wait_for(f"{SAID}.startsWith('2')")
    assert page.evaluate(SAID) == "2 images were stored. 1 file was not."
    assert [row.split()[0] for row in page.evaluate(ROWS)] == ["note.txt"]


def test_a_file_that_cannot_be_read_does_not_stop_the_others(site, photos, page, files):
    chosen = files({"gone.png": drawn(), "a.png": drawn(), "b.png": drawn()})
    page.open(site.url)
    page.evaluate(
        "document.getElementById('files').addEventListener('change', event => {"
        " window.early = event; event.stopImmediatePropagation(); }, {capture: true, once: true})"
    )
    page.choose_files("#files", *chosen)
    chosen[0].unlink()
    page.evaluate("document.getElementById('files').dispatchEvent(new Event('change'))")
    page.wait_for(STORED)
    assert page.evaluate(SAID) == "2 images were stored. 1 file was not."
    assert page.evaluate(ROWS) == ["gone.png The file cannot be read. Choose it again."]


def test_offline(site, photos, page, files):
    photos.write("old.png", drawn())
    page.open(site.url)
    page.wait_for(SHOWN)
    page.connect(offline=True)
    page.wait_for(f"{SAID}.startsWith('You are offline.')")
    page.evaluate("document.querySelector('.delete button').focus()")
    page.press("Enter")
    page.wait_for(f"{SAID}.includes('Nothing was changed')")
    assert page.evaluate(FOCUS) == "Delete old.png"
    page.choose_files("#files", *files({"a.png": drawn(), "b.png": drawn()}))
    page.wait_for("document.getElementById('transfer').hidden && !document.getElementById('again').hidden")
    assert page.evaluate(SAID) == "You are offline. 2 images wait until the connection is back."
    assert violations(page) == []
    page.connect()
    page.wait_for(STORED)
    assert page.evaluate(SAID) == "2 images were stored."
    assert sorted(page.evaluate(NAMES)) == ["a.png", "b.png", "old.png"]


@pytest.fixture
def lose(site, monkeypatch):
    """Let the site do what the next request for each path asks for, and break its answer off."""

    def lose(*paths):
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        left, work = list(paths), app.wsgi_app

        def lossy(environ, start_response):
            if environ["PATH_INFO"] not in left:
                return work(environ, start_response)
            left.remove(environ["PATH_INFO"])
            work(environ, lambda *answer: None).close()
            start_response("200 OK", [("Content-Length", "99")])
            return [b"<"]

        monkeypatch.setattr(app, "wsgi_app", lossy)

    return lose


LOST = "The answer was lost. These are the images that are there now."
UNKNOWN = "The gallery does not answer. Load the page again to see what was changed."


@pytest.mark.parametrize(
    ("paths", "said", "shown"),
    [
        (["/delete"], LOST, ["1.png"]),
        # the app has answered, but the page that it redirects to was lost
        (["/"], "“0.png” was deleted.", ["1.png"]),
        (["/delete", "/"], UNKNOWN, ["0.png", "1.png"]),
    ],
)
def test_a_deletion_whose_answer_is_lost(site, photos, page, lose, paths, said, shown):
    put(photos, 2)
    page.open(f"{site.url}/?order=name")
    lose(*paths)
    page.evaluate("document.querySelector('.delete button').focus()")
    page.press("Enter")
    page.wait_for(f"{SAID} !== ''")
    assert page.evaluate(SAID) == said
    assert page.evaluate(NAMES) == shown
    assert page.evaluate(FOCUS) == f"Delete {shown[0]}"
    assert len(posts(site, "/delete")) == 1
    if "deleted" in said:
        page.evaluate("document.querySelector('#undo button').click()")
        page.wait_for(f"{SAID}.includes('is back')")
        assert page.evaluate(NAMES) == ["0.png", "1.png"]


def test_a_page_that_is_too_old_for_the_app_takes_a_new_token(site, photos, page, files):
    page.open(site.url)
    page.evaluate("document.querySelector('#upload [name=token]').value = 'old'")
    page.choose_files("#files", *files({"a.png": drawn()}))
    page.wait_for(STORED)
    assert page.evaluate(SAID) == "1 image was stored."
    assert [request.status for request in posts(site, "/upload-url")] == [400, 200]


def put(photos, number):
    for index in range(number):
        photos.write(f"{index}.png", drawn(color=(index * 20 % 256, 90, 120)))
        time.sleep(0.01)


def test_viewer(site, photos, page):
    put(photos, 4)
    page.open(f"{site.url}/?order=name")
    viewed = "document.querySelector('#viewer h2').innerText.replace(/\\s+/g, ' ')"
    page.evaluate("document.querySelectorAll('.photo')[1].focus()")
    page.press("Enter")
    page.wait_for("document.getElementById('viewer').open")
    assert page.evaluate(viewed) == "1.png 2 of 4"
    page.wait_for("document.querySelector('#viewer img').naturalWidth == 160")
    assert violations(page) == []
    for key, shown in [
        ("ArrowRight", "2.png 3 of 4"),
        ("End", "3.png 4 of 4"),
        ("ArrowRight", "3.png 4 of 4"),
        ("ArrowLeft", "2.png 3 of 4"),
        ("Home", "0.png 1 of 4"),
        ("ArrowLeft", "0.png 1 of 4"),
        ("ArrowRight", "1.png 2 of 4"),
        ("ArrowRight", "2.png 3 of 4"),
    ]:
        page.press(key)
        assert page.evaluate(viewed) == shown
    # the focus stays inside, but for the browser's own controls
    for _ in range(6):
        page.press("Tab")
        assert page.evaluate("document.activeElement === document.body || viewer.contains(document.activeElement)")
    page.press("Escape")
    page.wait_for("!document.getElementById('viewer').open && document.activeElement.innerText.startsWith('2.png')")

    page.evaluate("document.documentElement.dir = 'rtl'")
    page.press("Enter")
    page.press("ArrowLeft")
    assert page.evaluate(viewed) == "3.png 4 of 4"
    assert page.problems() == []


def test_the_focus_stays_where_an_image_was_deleted(site, photos, page):
    put(photos, 3)
    page.open(f"{site.url}/?order=name")
    page.evaluate("document.querySelector('[aria-label=\"Delete 1.png\"]').focus()")
    page.press("Enter")
    page.wait_for(f"{SAID}.includes('“1.png” was deleted.')")
    assert page.evaluate(NAMES) == ["0.png", "2.png"]
    assert page.evaluate(FOCUS) == "Delete 2.png"
    page.press(" ")
    page.wait_for(f"{SAID}.includes('“2.png” was deleted.')")
    assert page.evaluate(FOCUS) == "Delete 0.png"
    assert violations(page) == []
    page.press("Enter")
    page.wait_for(f"{SAID}.includes('“0.png” was deleted.')")
    assert page.evaluate(FOCUS) == "files"
    # from there, the button that brings it back is the next
    page.press("Tab")
    assert page.evaluate(FOCUS) == "Undo"
    page.press("Enter")
    page.wait_for(f"{SAID}.includes('“0.png” is back.')")
    assert page.evaluate(FOCUS).startswith("0.png")
    assert page.evaluate("location.search") == "?order=name"


def test_by_keys_alone(site, photos, page):
    put(photos, 2)
    page.show_on(*SCREENS["desk"])
    page.open(f"{site.url}/?order=name")
    page.command("Page.setInterceptFileChooserDialog", enabled=True)
    page.press("Tab")
    page.press("Enter")
    assert page.event("Page.fileChooserOpened")["mode"] == "selectMultiple"
    seen = []
    for _ in range(7):
        page.press("Tab")
        seen.append(page.evaluate(FOCUS).split("\n")[0])
    assert seen == ["Newest", "Oldest", "Name", "0.png", "Delete 0.png", "1.png", "Delete 1.png"]
    page.press("Tab", shift=True)
    page.press("Enter")
    page.wait_for("document.getElementById('viewer').open")
    page.press("Escape")
    page.wait_for("document.activeElement.innerText.startsWith('1.png')")
    page.press("Tab")
    # held down, it deletes no other
    page.press("Enter", repeated=9)
    page.wait_for(f"{SAID} == '“1.png” was deleted.'")
    page.press("z", control=True)
    page.wait_for(f"{SAID} == '“1.png” is back.'")
    assert page.evaluate(NAMES) == ["0.png", "1.png"]
    assert len(posts(site, "/delete")) == 1


def test_a_double_click(site, photos, page):
    put(photos, 3)
    page.show_on(*SCREENS["desk"])
    page.open(f"{site.url}/?order=name")
    page.click(".photo img", 2)
    page.wait_for("document.querySelector('#viewer img').naturalWidth == 160")
    assert page.evaluate("document.getElementById('viewer').open")
    # closed and opened before the browser has said that it is closed
    page.evaluate("viewer.close(), document.querySelectorAll('.photo')[1].click()")
    page.wait_for("document.querySelector('#viewer img').naturalWidth == 160")
    assert page.evaluate("document.querySelector('#viewer bdi').innerText") == "1.png"
    page.press("Escape")
    page.wait_for("!document.getElementById('viewer').open")
    page.click(".delete button", 2)
    page.wait_for(f"{SAID} == '“0.png” was deleted.'")
    assert len(posts(site, "/delete")) == 1
    assert page.evaluate(NAMES) == ["1.png", "2.png"]


def test_files_are_dropped(site, photos, page, files):
    page.show_on(*SCREENS["desk"])
    page.open(site.url)
    page.drop_files(*files({"a.png": drawn(), "b.png": drawn()}))
    page.wait_for(STORED)
    assert sorted(page.evaluate(NAMES)) == ["a.png", "b.png"]


@pytest.mark.parametrize("screen", SCREENS)
def test_who_deletes_far_down_sees_it_and_can_undo_it(site, photos, page, screen):
    put(photos, 40)
    page.show_on(*SCREENS[screen])
    page.open(site.url)
    page.evaluate("[...document.querySelectorAll('.delete button')].at(-1).focus()")
    page.press("Enter")
    page.wait_for(f"{SAID}.includes('was deleted')")
    page.wait_for("scrollY > 500")
    at = page.evaluate("(({x, y}) => [x + 5, y + 5])(document.querySelector('#undo button').getBoundingClientRect())")
    assert page.evaluate(f"document.elementFromPoint({at[0]}, {at[1]})?.innerText") == "Undo"


@pytest.mark.parametrize("name", ["a name " * 9 + ".png", "עץ ירוק " * 9 + ".png"])
def test_a_long_name_shows_its_start(site, photos, page, name):
    stored = photos.write(name, drawn())
    page.show_on(*SCREENS["phone"])
    page.open(site.url)
    page.evaluate("document.querySelector('.photo').click()")
    for shown in (".name", "#viewer bdi"):
        inside = (
            f"(name => {{ const all = name.getBoundingClientRect(), range = new Range();"
            f" range.setStart(name.firstChild, 0); range.setEnd(name.firstChild, 1);"
            f" const first = range.getBoundingClientRect();"
            f" return [name.textContent, first.left >= all.left - 1 && first.right <= all.right + 1,"
            f" name.scrollWidth > name.clientWidth]; }})(document.querySelector('{shown}'))"
        )
        assert page.evaluate(inside) == [stored, True, True]
    place = "(({left, right}) => left > 0 && right < innerWidth)(document.querySelector('#viewer h2 span')"
    assert page.evaluate(f"{place}.getBoundingClientRect())")


def test_each_state_in_both_schemes_and_on_both_screens(site, photos, page, monkeypatch, soak):
    schemes = {"phone": "dark", "desk": "light"}
    looks = itertools.cycle(schemes)

    def check():
        # on the screens in turns, as a look takes half a second
        looked_at = schemes if soak else {next(looks)}
        for screen, scheme in schemes.items():
            page.show_on(*SCREENS[screen], color_scheme=scheme, reduced_motion="reduce")
            assert screen not in looked_at or violations(page) == []
            assert page.evaluate(SMALL) == []
            for direction in ("rtl", "ltr"):
                page.evaluate(f"document.documentElement.dir = '{direction}'")
                assert page.evaluate(WIDER) == 0, (screen, direction)

    page.open(site.url)
    check()
    put(photos, 3)
    photos.write("a very long name of an image, with a word as long as " + "x" * 90 + ".png", drawn())
    with monkeypatch.context() as patch:
        patch.setattr(type(photos), "entries", lambda self: (_ for _ in ()).throw(fs.BackendError("the store failed")))
        page.open(site.url)
        assert page.evaluate(SAID).startswith("The images cannot be shown.")
        check()
    page.open(f"{site.url}/?order=name")
    page.wait_for(SHOWN)
    check()
    page.evaluate("document.querySelector('.photo').click()")
    page.wait_for("document.querySelector('#viewer img').naturalWidth")
    check()


def test_nothing_moves_for_those_who_want_that(site, photos, page):
    put(photos, 1)
    moving = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).transitionDuration != '0s').length"
    page.show_on(*SCREENS["desk"], reduced_motion="no-preference")
    page.open(site.url)
    assert page.evaluate(moving) > 0
    page.show_on(*SCREENS["desk"], reduced_motion="reduce")
    assert page.evaluate(moving) == 0


def test_without_javascript(site, photos, page, files):
    put(photos, 2)
    page.command("Emulation.setScriptExecutionDisabled", value=True)
    page.show_on(*SCREENS["phone"])
    page.open(site.url)
    text = page.evaluate("document.body.innerText")
    assert "999 images and 200 MB at once" in text
    assert "drop them" not in text
    assert page.evaluate(SMALL) == []
    assert page.evaluate(WIDER) == 0
    page.choose_files("#files", *files({"a.png": drawn(), "note.txt": b"x"}))
    page.evaluate("document.querySelector('#upload button').focus()")
    page.press("Enter")
    page.wait_for(f"document.readyState == 'complete' && {SAID}.includes('stored')")
    assert page.evaluate(SAID) == "1 image was stored. 1 file was not."
    assert page.evaluate(ROWS) == [f"note.txt {REFUSED['note.txt'][1]}"]
    page.evaluate("document.querySelector('[aria-label=\"Delete a.png\"]').focus()")
    page.press("Enter")
    page.wait_for(f"document.readyState == 'complete' && {SAID}.includes('deleted')")
    assert page.evaluate(NAMES) == ["1.png", "0.png"]
    page.wait_for("document.activeElement.innerText == 'Undo'")
    page.press("Enter")
    page.wait_for(f"document.readyState == 'complete' && {SAID}.includes('is back')")
    assert sorted(page.evaluate(NAMES)) == ["0.png", "1.png", "a.png"]


def test_print(site, photos, page):
    put(photos, 3)
    page.open(site.url)
    page.command("Emulation.setEmulatedMedia", media="print")
    assert (
        page.evaluate("[...document.querySelectorAll('form, nav, button')].filter(e => e.checkVisibility()).length")
        == 0
    )
    assert page.evaluate("[...document.querySelectorAll('.photo img')].filter(e => e.checkVisibility()).length") == 3
