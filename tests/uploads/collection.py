"""All samples: those of real programs, which lie in samples/, and those that Python makes.

The last part of a sample's name is its extension; the part before says what is special about it.
"""

import lzma
from functools import cache
from pathlib import Path

import archives
import media
import pictures
import texts

from flask_pyfs.uploads.kinds import KINDS

FOLDER = Path(__file__).parent / "samples"

# what else a file is, besides what its extension says, by extension; then by name
TEXT = "txt ts dot pot pub mid"
OFFICE = "docx dotx docm dotm xlsx xltx xlsm xltm xlam xlsb pptx ppsx potx pptm ppsm potm vsdx"
WHAT_ELSE = {
    f"{OFFICE} odt ott ods odp odg odf epub": "zip jar",
    "xlsx": "zip jar xlsm",
    "zip": "jar",
    "docm": "zip jar dotm",
    "xlsm": "zip jar xltm",
    "pptm": "zip jar ppsm potm",
    "pptx": "zip jar ppsx",
    "txt log md csv ini yaml yml js php pl py rb sh bat html json": TEXT,
    "abw fods xml svg": f"{TEXT} xml",
    "doc": "msi dot pub",
    "ppt": "msi pot pub",
    "xls xlt": "msi pub",
    "rtf": "doc dot",
    "gnumeric tgz": "gz",
    "txz": "xz",
    "png apng": "png ico",
    "m4a m4b 3gp 3g2": "mp4",
    "mpg mpeg": "vob",
    "ts mts": "ts mpg m2ts",
    "weba": "webm",
    "mka": "mkv",
    "ogg": "oga ogx",
    "oga ogv": "ogg ogx",
    "opus": "ogg oga ogx",
    "wma wmv": "asf",
    "ttf": "otf",
}
ALSO = {ext: also for extensions, also in WHAT_ELSE.items() for ext in extensions.split()}
ALSO_BY_NAME = {
    "plain.gnumeric": f"{TEXT} xml",
    "abiword.doc": "rtf dot",
    "also-quicktime.mov": "mp4",
    "postscript.pdf": "ps eps",
    "typescript.ts": TEXT,
    "show.ppsx": "zip jar pptx",
    "without-macros.xlsm": "zip jar xlsx",
    "a-png.ico": "png",
    "last-part.zip": "",
    "speex.oga": "ogg ogx spx",
    "3gp4-brand.m4a": "mp4 3gp",
    "3gp4.m4a": "mp4 3gp",
    "3gp4-brand.mp4": "3gp",
    "object.json": f"{TEXT} plist",
    "lines.json": f"{TEXT} plist",
    "comments.json": f"{TEXT} plist",
    "xml.plist": f"{TEXT} xml",
    "old-xml.plist": f"{TEXT} xml",
    "next.plist": TEXT,
    "binary.plist": "",
    "doctype.xml": f"{TEXT} xml",
    **{f"biff{version}.xls": "" for version in (2, 3, 4, 5)},
    **{f"encrypted.{ext}": f"{OFFICE} msi pub" for ext in ("docx", "xlsx", "pptx")},
}


def read(name):
    """Return the content of a sample of a real program."""
    path = FOLDER / name
    return path.read_bytes() if path.exists() else lzma.decompress(path.with_name(f"{name}.xz").read_bytes())


@cache
def samples():
    """Return the content of all samples by name."""
    names = sorted(path.name.removesuffix(".xz") for path in FOLDER.iterdir() if path.suffix != ".sh")
    found = {name: read(name) for name in names}
    for module in (archives, media, pictures, texts):
        made = module.made(read)
        assert found.keys().isdisjoint(made)
        found |= made
    return found


def extension(name):
    return name.rpartition(".")[2]


def kinds_of(name):
    """Return the checks that a sample passes: that of its extension, and those of what else it is."""
    also = ALSO_BY_NAME.get(name, ALSO.get(extension(name), ""))
    return {KINDS.get(ext, ext) for ext in [extension(name), *also.split()]}
