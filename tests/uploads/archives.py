"""Archives, and documents that are archives, with the variants that programs write."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

TEXT = b"A small text.\n" * 10
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


class Pipe(io.RawIOBase):
    """Takes bytes and cannot seek, so that zipfile writes sizes behind the members."""

    def __init__(self):
        super().__init__()
        self.content = b""

    def writable(self):
        return True

    def write(self, data):
        self.content += bytes(data)
        return len(data)


def zipped(members=None, compression=zipfile.ZIP_DEFLATED, comment=b"", large=False):
    """Return a ZIP archive of these members, a text if there are none given."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.comment = comment
        for name, content in ({"a.txt": TEXT} if members is None else members).items():
            with archive.open(name, "w", force_zip64=large) as member:
                member.write(content)
    return out.getvalue()


def members_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def piped():
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        archive.writestr("a.txt", TEXT)
    return pipe.content


def marked(marker):
    """Return an archive that begins with the marker of those in several files, and is in one."""
    content = bytearray(zipped())
    for place in (content.rindex(b"PK\1\2") + 42, content.rindex(b"PK\5\6") + 16):
        offset = int.from_bytes(content[place : place + 4], "little") + len(marker)
        content[place : place + 4] = offset.to_bytes(4, "little")
    return marker + content


def last_part():
    """Return the second and last file of an archive, with the central directory."""
    content = bytearray(zipped())
    end = content.rindex(b"PK\5\6")
    start = content.index(b"PK\1\2")
    content[end + 4 : end + 8] = b"\1\0\1\0"
    content[end + 16 : end + 20] = bytes(4)
    return bytes(content[start:])


def with_zip64_end(content):
    """Return an archive whose last record sends the reader to those of ZIP64, as one of more than 4 GiB does."""
    place = content.rindex(b"PK\5\6")
    count = int.from_bytes(content[place + 10 : place + 12], "little")
    size, offset = (int.from_bytes(content[place + at : place + at + 4], "little") for at in (12, 16))
    numbers = [44, 45 | 45 << 16, 0, count, count, size, offset]
    record = b"PK\6\6" + b"".join(
        number.to_bytes(width, "little") for number, width in zip(numbers, (8, 4, 8, 8, 8, 8, 8), strict=True)
    )
    locator = b"PK\6\7" + bytes(4) + place.to_bytes(8, "little") + (1).to_bytes(4, "little")
    end = b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2)
    return content[:place] + record + locator + end


def tarred(format=tarfile.GNU_FORMAT, name="a.txt", mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=format) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT))
    return out.getvalue()


def v7_tar(signed=False):
    """Return an archive as the tar of Unix 7 wrote it: without magic number, and with another checksum if signed."""
    content = bytearray(tarred(tarfile.USTAR_FORMAT, "\u00e9.txt"))
    content[156:157] = b"\0"
    content[257:512] = bytes(255)
    content[148:156] = b" " * 8
    total = sum(content[:512]) - (256 * sum(byte > 127 for byte in content[:512]) if signed else 0)
    content[148:156] = b"%06o\0 " % total
    return bytes(content)


def empty_tar():
    out = io.BytesIO()
    tarfile.open(fileobj=out, mode="w").close()
    return out.getvalue()


def office(main=WORD, declared=None, encoding="utf-8", **options):
    """Return a package of Office Open XML with this main part."""
    declared = declared or f'<Override PartName="/word/document.xml" ContentType="{main}"/>'
    types = (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f"{declared}</Types>"
    )
    members = {f"word/media/image{number}.png": TEXT for number in range(40)}
    return zipped({**members, "[Content_Types].xml": types.encode(encoding)}, **options)


def open_document(content, **options):
    """Return a document of OpenDocument or EPUB with its members in the opposite order."""
    return zipped(dict(reversed(members_of(content).items())), **options)


def without_mimetype(content):
    return zipped({name: member for name, member in members_of(content).items() if name != "mimetype"})


def made(read):
    """Return the samples by name.

    :param read: returns the content of a sample of a real program.
    """
    default = f'<Default Extension="xml" ContentType="{WORD}"/>'
    return {
        "deflated.zip": zipped(),
        "stored.zip": zipped(compression=zipfile.ZIP_STORED),
        "bzip2.zip": zipped(compression=zipfile.ZIP_BZIP2),
        "lzma.zip": zipped(compression=zipfile.ZIP_LZMA),
        "empty.zip": zipped({}),
        "comment.zip": zipped(comment=b"PK\5\6 is no end" * 20),
        "large-members.zip": zipped(large=True),
        "zip64.zip": with_zip64_end(zipped()),
        "piped.zip": piped(),
        "spanned.zip": marked(b"PK\7\x08"),
        "last-part.zip": last_part(),
        "spanned-into-one.zip": marked(b"PK00"),
        # what LibreOffice writes into it if nobody asks for macros
        "without-macros.xlsm": read("sheet.xlsx"),
        "types-last.docx": office(),
        "lower-case.docx": office().replace(b"[Content_Types]", b"[content_types]"),
        "main-by-default.docx": office(declared=default),
        "utf-16.docx": office(encoding="utf-16"),
        "zip64.docx": with_zip64_end(office()),
        "mimetype-last.odt": open_document(read("text.odt")),
        "mimetype-deflated.ods": open_document(read("sheet.ods")),
        "manifest-only.odp": without_mimetype(read("show.odp")),
        "mimetype-last.epub": open_document(read("text.epub")),
        "gnu.tar": tarred(),
        "ustar.tar": tarred(tarfile.USTAR_FORMAT),
        "pax.tar": tarred(tarfile.PAX_FORMAT, "\u0444.txt"),
        "long-name.tar": tarred(name="n" * 200),
        "v7.tar": v7_tar(),
        "signed.tar": v7_tar(signed=True),
        "empty.tar": empty_tar(),
        "gnu.tgz": tarred(mode="w:gz"),
        "empty.tgz": gzip.compress(empty_tar()),
        "gnu.txz": tarred(mode="w:xz"),
        "best.txz": lzma.compress(tarred(), preset=9),
        "huge-dictionary.txz": lzma.compress(
            tarred(), filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 27}]
        ),
        "text.gz": gzip.compress(TEXT),
        "text.bz2": bz2.compress(TEXT),
        "fast.bz2": bz2.compress(TEXT, 1),
        "empty.bz2": bz2.compress(b""),
        "text.xz": lzma.compress(TEXT),
        "no-check.xz": lzma.compress(TEXT, check=lzma.CHECK_NONE),
        # an archive of RAR 5 without members: the main header, and the end
        "empty.rar": bytes.fromhex("526172211a0701003392b5e50a010506000501018080001d77565103050400"),
    }
