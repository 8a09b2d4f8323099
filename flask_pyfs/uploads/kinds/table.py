"""Which check each extension has."""

from __future__ import annotations

from ...files import SCRIPTS, TEXT
from . import archives, asf, documents, images, isobmff, mpeg, ogg, programs, text, xml
from .ebml import doc_type, sound
from .ole import is_ole, streams
from .source import Check, any_of, starts
from .zipped import OFFICE, OPEN_DOCUMENT, is_last_part, is_zip, typed


def _riff(form: bytes, *also: bytes) -> Check:
    """Return a check for a form of RIFF, or of its variants for the other order of bytes or for large files."""
    signature = starts(b"RIFF", *also)
    return lambda source: signature(source) and source.at(8, 4) == form


def _same(check: Check, extensions: str) -> dict[str, Check]:
    return dict.fromkeys(extensions.split(), check)


_TEXTS = {
    **_same(text.is_text, " ".join([*TEXT, *SCRIPTS])),
    **_same(text.is_text, "csv ini yaml yml css htm html log md rst toml tsv tex srt vtt ics vcf eml"),
    **_same(text.is_json, "json jsonl ndjson geojson webmanifest ipynb"),
    **_same(xml.is_xml, "xml xhtml xsd xsl xslt rss atom gpx kml"),
    "plist": any_of(starts(b"bplist"), xml.rooted("plist"), text.is_old_plist),
    # TypeScript, and video
    **_same(any_of(mpeg.is_transport, text.is_text), "ts mts"),
}

_DOCUMENTS = {
    **OFFICE,
    **OPEN_DOCUMENT,
    **_same(documents.is_xls, "xls xlt"),
    **_same(documents.is_ppt, "ppt pps"),
    **_same(is_ole, "msi mpp"),
    "doc": documents.is_doc,
    # Graphviz, gettext, OpenSSH and Tcl have the same extensions for text
    "dot": any_of(documents.is_doc, text.is_text),
    "pot": any_of(documents.is_ppt, text.is_text),
    **_same(any_of(is_ole, text.is_text), "pub msg"),
    "vsd": streams("visiodocument"),
    "pdf": documents.is_pdf,
    "rtf": documents.is_rtf,
    **_same(any_of(xml.rooted("abiword", "awml"), xml.rooted_in_gzip("abiword", "awml")), "abw zabw"),
    "gnumeric": any_of(
        xml.rooted("Workbook", namespace="gnumeric"), xml.rooted_in_gzip("Workbook", namespace="gnumeric")
    ),
    "fodt": xml.rooted("document", namespace="opendocument.text"),
    "fods": xml.rooted("document", namespace="opendocument.spreadsheet"),
    "fodp": xml.rooted("document", namespace="opendocument.presentation"),
    "fodg": xml.rooted("document", namespace="opendocument.graphics"),
    "epub": typed("application/epub+zip"),
    # a driver of Windows puts the end of the last job before it, and previews come in a binary file
    "ps": starts(b"%!PS", b"\4%!PS"),
    "eps": starts(b"%!PS", b"\4%!PS", b"\xc5\xd0\xd3\xc6"),
    "djvu": starts(b"AT&TFORM"),
    "sqlite": starts(b"SQLite format 3\0"),
}

_IMAGES = {
    **_same(starts(b"\xff\xd8\xff"), "jpg jpe jpeg jfif jif pjpeg pjp"),
    **_same(images.is_png, "png apng"),
    **_same(images.is_tiff, "tif tiff"),
    **_same(isobmff.is_heif, "heic heif heics heifs hif"),
    **_same(isobmff.is_avif, "avif avifs"),
    "gif": starts(b"GIF87a", b"GIF89a"),
    **_same(images.is_bmp, "bmp dib"),
    "webp": _riff(b"WEBP"),
    "ico": images.is_ico,
    "psd": starts(b"8BPS\0\1"),
    "psb": starts(b"8BPS\0\2"),
    "xcf": starts(b"gimp xcf "),
    "jp2": starts(b"\0\0\0\x0cjP  \r\n\x87\n"),
    "jxl": starts(b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
    "cr3": isobmff.branded(b"crx "),
}

_SOUND = {
    **_same(mpeg.is_mp3, "mp3 mp2 mpga"),
    **_same(isobmff.is_sound, "m4a m4b m4p m4r"),
    "wav": _riff(b"WAVE", b"RIFX", b"RF64", b"BW64"),
    "aac": mpeg.is_aac,
    "flac": mpeg.tagged(b"fLaC"),
    "ogg": ogg.has_sound,
    "oga": ogg.is_sound,
    "opus": ogg.is_opus,
    "spx": ogg.is_speex,
    "weba": sound(b"webm"),
    "mka": sound(b"matroska"),
    "wma": asf.is_wma,
    "amr": starts(b"#!AMR"),
    "midi": starts(b"MThd"),
    # MapInfo has the same extension for text
    "mid": any_of(starts(b"MThd"), text.is_text),
    "caf": starts(b"caff"),
    **_same(starts(b"AIFF", b"AIFC", at=8), "aif aiff aifc"),
}

_VIDEO = {
    **_same(isobmff.is_mp4, "mp4 m4v f4v"),
    **_same(isobmff.is_mobile, "3gp 3gpp 3g2"),
    **_same(isobmff.is_quicktime, "mov qt"),
    **_same(any_of(mpeg.is_program, mpeg.is_transport), "mpg mpeg mpe"),
    "m2ts": mpeg.is_transport,
    **_same(doc_type(b"matroska"), "mkv mk3d"),
    "vob": mpeg.is_program,
    "webm": doc_type(b"webm"),
    "ogv": ogg.has_video,
    "ogx": ogg.is_ogg,
    "avi": _riff(b"AVI "),
    "wmv": asf.is_wmv,
    "asf": asf.is_asf,
    "flv": starts(b"FLV\1"),
    "swf": starts(b"FWS", b"CWS", b"ZWS"),
}

_ARCHIVES = {
    **_same(is_zip, "jar apk whl kmz cbz xpi"),
    "zip": any_of(is_zip, is_last_part),
    **_same(archives.is_tar_in_gzip, "tgz"),
    **_same(archives.is_tar_in_xz, "txz"),
    **_same(archives.is_bzip2, "bz2 tbz2 tbz"),
    "gz": archives.is_gzip,
    "xz": archives.is_xz,
    "tar": archives.is_tar,
    "7z": starts(b"7z\xbc\xaf\x27\x1c"),
    "rar": archives.is_rar,
    "zst": archives.is_zstandard,
    "lz4": starts(b"\x04\x22\x4d\x18"),
    "lz": starts(b"LZIP"),
    "z": starts(b"\x1f\x9d"),
    "cab": starts(b"MSCF"),
    "deb": starts(b"!<arch>\ndebian"),
    "rpm": starts(b"\xed\xab\xee\xdb"),
    "iso": starts(b"CD001", at=32769),
}

_OTHERS = {
    "so": programs.is_so,
    "exe": programs.is_exe,
    "dll": programs.is_dll,
    "class": starts(b"\xca\xfe\xba\xbe"),
    "wasm": starts(b"\0asm"),
    "ttf": starts(b"\0\1\0\0", b"true", b"OTTO"),
    "otf": starts(b"OTTO", b"\0\1\0\0"),
    "ttc": starts(b"ttcf"),
    "woff": starts(b"wOFF"),
    "woff2": starts(b"wOF2"),
}

#: The check of each extension, in lower case. What others contain is not looked at.
KINDS: dict[str, Check] = {**_TEXTS, **_DOCUMENTS, **_IMAGES, **_SOUND, **_VIDEO, **_ARCHIVES, **_OTHERS}
