"""An app whose pages send files by the clients that people use, for gunicorn."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import flask
from markupsafe import Markup

import flask_pyfs as fs
from flask_pyfs.resumable.script import script_url
from flask_pyfs.uploads import client_name

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"

PAGES = {
    "uppy-tus": """<script src="/js/uppy.min.js"></script><script>
const uppy = new Uppy.Uppy().use(Uppy.Tus, {endpoint: "/tus/" + STORAGE, chunkSize: PIECE, retryDelays: DELAYS});
function send(file) { uppy.addFile({name: file.name, type: file.type, data: file}); return uppy.upload(); }
uppy.on("progress", (percent) => { window.sent = percent / 100; });
uppy.on("complete", ({successful}) => { window.isDone = successful.length === 1; });
uppy.on("upload-error", (file, error) => { window.failed = String(error); });
</script>""",
    "uppy-s3": """<script src="/js/uppy.min.js"></script><script>
{{ uppy_parts }}
async function sign(file) {
  const form = new FormData();
  form.append("name", file.name);
  return (await (await fetch("/parts/" + STORAGE, {method: "POST", body: form})).json()).url;
}
async function send(file) {
  const uppy = await sendInParts(Uppy, file, sign, {shouldUseMultipart: IS_LARGE});
  uppy.on("progress", (percent) => { window.sent = percent / 100; });
  uppy.on("complete", ({successful}) => { window.isDone = successful.length === 1; });
  uppy.on("upload-error", (file, error) => { window.failed = String(error); });
  return uppy.upload();
}
</script>""",
    "tus": """<script src="/js/tus.min.js"></script><script>
async function send(file) {
  const upload = new tus.Upload(file, {
    endpoint: "/tus/" + STORAGE, metadata: {filename: file.name, filetype: file.type},
    chunkSize: PIECE, retryDelays: DELAYS,
    onProgress: (sent, all) => { window.sent = sent / all; },
    onSuccess: () => { window.isDone = true; },
    onError: (error) => { window.failed = String(error); },
  });
  const [previous] = await upload.findPreviousUploads();
  if (previous) {
    upload.resumeFromPreviousUpload(previous);
  }
  upload.start();
}
</script>""",
    "fetch": """<script>
{{ plain_fetch }}
async function send(file) {
  const form = new FormData();
  form.append("name", file.name);
  const { url } = await (await fetch("/sign/" + STORAGE, {method: "POST", body: form})).json();
  const answer = await upload(file, url, PIECE);
  window.isDone = answer.ok && Boolean((await answer.json()).name);
  window.failed = answer.ok ? "" : answer.status;
}
</script>""",
    "ours": """<script type=module>
import { Uploads, askedFrom } from "{{ script_url() }}";
const waits = DELAYS.map((each) => each / 1000);
const uploads = new Uploads({sign: askedFrom("/sign/" + STORAGE), piece: PIECE, waits});
window.send = (file) => uploads.add([file]);
uploads.addEventListener("change", ({detail: {sent, file, state, reason}}) => {
  window.sent = sent / file.size;
  window.isDone = state === "stored";
  window.failed = reason;
});
</script>""",
}
HEAD = """<!doctype html><title>Send</title><link rel=icon href="data:,"><input type=file>
<script>
const STORAGE = "{{ storage }}", PIECE = {{ piece }}, DELAYS = Array(20).fill(50), IS_LARGE = {{ is_large }};
</script>"""

storages = {name: fs.Storage(name, fs.ALL) for name in ("local", "memory", "s3", "gridfs", "swift")}


def make_app(directory: str, settings: dict[str, Any]) -> flask.Flask:
    """Make the app.

    :param directory: where the scripts are.
    :param settings: those of the storages, each of which has the name of its backend.
    """
    app = flask.Flask("uppyapp", static_folder=directory, static_url_path="/js")
    app.config.update(SECRET_KEY="the same in each worker", FS_SERVE=True, **settings)
    fs.init_app(app, *(storage for name, storage in storages.items() if f"{name.upper()}_FS_BACKEND" in settings))

    @app.get("/page/<client>/<storage>")
    def page(client: str, storage: str) -> str:
        asked = flask.request.args
        return flask.render_template_string(
            HEAD + PAGES[client],
            storage=storage,
            piece=asked["piece"],
            is_large="true" if asked.get("large") else "false",
            script_url=script_url,
            plain_fetch=example("resumable_fetch.js"),
            uppy_parts=example("uppy_parts.js"),
        )

    @app.post("/sign/<storage>")
    def sign(storage: str) -> dict[str, str]:
        return {"url": storages[storage].resumable_url(client_name(flask.request.form["name"]), expires=600).url}

    @app.post("/parts/<storage>")
    def parts(storage: str) -> dict[str, str]:
        return {"url": storages[storage].multipart_url(client_name(flask.request.form["name"]), expires=600).url}

    @app.post("/tus/<storage>")
    def begin(storage: str) -> Any:
        sent = dict(each.split() for each in flask.request.headers["Upload-Metadata"].split(","))
        name = client_name(b64decode(sent["filename"]).decode())
        return flask.redirect(storages[storage].resumable_url(name, expires=600).url, 307)

    return app


def example(name: str) -> Markup:
    return Markup((EXAMPLES / name).read_text(encoding="utf-8"))


if "UPPY_SETTINGS" in os.environ:
    app = make_app(os.environ["UPPY_FILES"], json.loads(os.environ["UPPY_SETTINGS"]))
