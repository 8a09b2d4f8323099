"""The pages about uploads, followed word by word in a real browser: their views, their form and their scripts."""

from contextlib import ExitStack
from types import SimpleNamespace

import flask
import pytest
from backend_settings import allow_pages, s3_settings
from jinja2 import DictLoader
from pages import TOP, blocks, scripts
from PIL import Image
from servers.npm import files_of
from servers.waitressapp import serving

LIBRARIES = {
    "uppy": ("uppy-6.0.1", "dist/uppy.min.js"),
    "tus": ("tus-js-client-4.3.1", "dist/tus.min.js"),
    "filepond": ("filepond-4.32.12", "dist/filepond.min.js"),
}
# what a page has already where a script of the documentation begins
ICON = '<link rel=icon href="data:,">'
BEFORE = """<!doctype html><html lang=en><title>Page</title><link rel=icon href="data:,">
{% for name in ["uppy", "tus", "filepond"] %}<script src="/js/{{ name }}.min.js"></script>{% endfor %}
<script type=importmap>{"imports": {"uploads": "{{ script_url() }}"}}</script>
<label>Films <input type=file name=films></label>
<script type=module>
import { Uploads, askedFrom } from "uploads";
import * as all from "uploads";
const { Uppy, Dashboard, Tus, AwsS3 } = window.Uppy;
const input = document.querySelector("input");
const token = "none";
window.begin = async () => {
  const [file] = input.files;
  CODE
};
window.isReady = true;
</script>"""
SEND = "document.querySelector('form').requestSubmit()"


@pytest.fixture(scope="module")
def page_of_docs():
    return TOP / "docs" / "upload-script.rst"


def followed(page, parts, directory):
    """Run code of a page in a directory, and return what it has defined."""
    namespace = {"__name__": "myapp"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        for code in parts:
            exec(compile(code, str(page), "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def site(page_of_docs, tmp_path_factory):
    """The app of the page, and what its own templates would have."""
    directory = tmp_path_factory.mktemp("app")
    # the others are what clients send, and an app with CSRFProtect
    parts = [code for _, code in blocks(page_of_docs) if "test_client" not in code]
    assert len(parts) == 3
    namespace = followed(page_of_docs, parts, directory)
    app = namespace["app"]
    for package, file in LIBRARIES.values():
        files_of(package, directory, file)
    app.static_folder, app.static_url_path = str(directory), "/js"
    app.add_url_rule("/js/<path:filename>", "js", app.send_static_file)
    (form,) = scripts(page_of_docs, "html+jinja")
    app.jinja_loader = DictLoader({"films.html": "<!doctype html><html lang=en><title>Films</title>" + ICON + form})

    @app.get("/page")
    def other():
        return flask.render_template_string(BEFORE.replace("CODE", running.code))

    with serving(app) as served, app.app_context():
        running = SimpleNamespace(url=served.url, films=namespace["films"], code="")
        yield running


@pytest.fixture
def film(tmp_path, site):
    file = tmp_path / "My holidays.mp4"
    file.write_bytes(b"the film" * 1000)
    yield file
    for name in list(site.films.list_files()):
        site.films.delete(name)


def require_stored(page, site, film):
    page.wait_for("window.isDone || window.failed")
    (name,) = site.films.list_files()
    assert (site.films.read(name), name.startswith("My_holidays-")) == (film.read_bytes(), True)
    return name


def test_the_form(site, page, film):
    page.open(f"{site.url}/films")
    page.choose_files("[type=file]", film)
    page.evaluate(SEND)
    page.wait_for("document.body?.innerText.includes('stored')")
    (name,) = site.films.list_files()
    assert page.evaluate("JSON.parse(document.body.innerText)") == {"stored": [name]}
    assert [problem for problem in page.problems() if "favicon" not in problem] == []


# each by what only it has, and how it tells that it is done
CODE = {
    "uploads": ('from "uploads"', "uploads.addEventListener('rest', () => { window.isDone = true; });"),
    "uppy": ("use(Dashboard", ""),
    "tus": ("new tus.Upload", "upload.options.onSuccess = () => { window.isDone = true; };"),
    "filepond": ("FilePond.create", ""),
}
AFTER = {
    "uppy": "uppy.addFile({name: file.name, type: file.type, data: file});"
    "uppy.on('complete', () => { window.isDone = true; }); uppy.upload();",
    "filepond": "pond.on('processfile', (error) => { window.isDone = !error; window.failed = error; });"
    "pond.addFile(file);",
}


@pytest.mark.parametrize("client", CODE)
def test_the_script(site, page, page_of_docs, film, client):
    known, end = CODE[client]
    (code,) = (each for each in scripts(page_of_docs, "js") if known in each)
    if client == "uploads":
        # imports stand at the beginning of a module
        code = code.replace('import { Uploads, askedFrom } from "uploads";', "")
    if client == "uppy":
        code = f"const uppy = {code.strip()}"
    if client == "filepond":
        # it lets people see an upload for a while, however short that is
        options = "FilePond.setOptions({ allowMinimumUploadDuration: false });"
        code = f"const {{ FilePond }} = window; {options} const pond = {code.strip()}"
    site.code = f"{code}\n{end}\n{AFTER.get(client, '')}"
    page.open(f"{site.url}/page")
    page.wait_for("window.isReady")
    page.choose_files("[type=file]", film)
    page.evaluate("void window.begin().catch((error) => { window.failed = String(error); })")
    require_stored(page, site, film)
    assert not page.evaluate("window.failed")


def test_confirmed_uploads_to_s3(page, tmp_path, request):
    docs = TOP / "docs" / "confirming.rst"
    (code,), (script,) = ([code for _, code in blocks(docs)], scripts(docs, "js"))
    known = 'FS_BACKEND="memory"'
    assert known in code
    with ExitStack() as stack:
        settings = s3_settings(request, stack)
        allow_pages(request, settings["BUCKET"])
        values = ", ".join(f"FS_{name}={value!r}" for name, value in settings.items())
        app = followed(docs, [code.replace(known, f'FS_BACKEND="s3", {values}')], tmp_path)["app"]
        app.add_url_rule("/", "page", lambda: f"<!doctype html>{ICON}<input type=file><script>{script}</script>")
        served = stack.enter_context(serving(app))
        image = tmp_path / "a b.png"
        Image.new("RGB", (4, 3)).save(image)
        page.open(served.url)
        page.choose_files("[type=file]", image)
        page.evaluate("send(document.querySelector('input').files[0]).then((stored) => { window.stored = stored; })")
        page.wait_for("window.stored")
        with app.app_context():
            (photos,) = app.extensions["fs"].values()
            assert [photos.read(name) for name in photos.list_files()] == [image.read_bytes()]
        assert page.evaluate("window.stored.name").startswith("a_b-")
