"""Variants of the sound and video that real programs wrote: brands, old layouts, tags."""

import io
import wave

# what follows the major brand; the second is how cameras of Sony begin, in 24 bytes
MP4_BRANDS = {
    "mp41": "isom",
    "mp42": "isom mp42",
    "isom": "isom",
    "iso2": "isom",
    "iso3": "iso3",
    "iso4": "iso4",
    "iso5": "dash",
    "iso6": "mp41",
    "avc1": "isom",
    "dash": "iso6",
    "hvc1": "isom",
    "XAVC": "XAVC mp42",
    "MSNV": "isom mp42",
    "M4V ": "mp42",
    "CAEP": "mp42",
    "3gp4": "isom",
}
M4A_BRANDS = {"mp42": "isom", "isom": "iso2", "3gp4": "isom", "M4B ": "mp42", "M4A ": "isom", "iso5": "dash"}
MOBILE_BRANDS = {
    **{f"3{name}": "isom" for name in ("gp4", "gp5", "gp6", "gp7", "gr6", "gs7", "ge6", "gg6")},
    "isom": "3gp4",
    "mp42": "3gp4",
}


def box(name, content):
    return (8 + len(content)).to_bytes(4, "big") + name + content


def branded(content, major, compatible=""):
    """Return a file with other brands, and everything else at its place."""
    size = int.from_bytes(content[:4], "big")
    brands = [name.encode().ljust(4) for name in compatible.split()]
    new = box(b"ftyp", major.encode() + bytes(4) + b"".join(brands))
    assert content[4:8] == b"ftyp"
    # a box takes at least eight bytes
    filler = box(b"free", bytes(size - len(new) - 8)) if size - len(new) >= 8 else b""
    assert len(new + filler) == size, (major, compatible, size)
    return new + filler + content[size:]


def brandless(content, filler):
    """Return a file as QuickTime wrote it before brands."""
    size = int.from_bytes(content[:4], "big")
    return box(filler, bytes(size - 8)) + content[size:]


def with_wide_size(content):
    """Return a film whose ``mdat`` has its size in 64 bits, in the place that the box before it keeps for that."""
    place = content.index(b"mdat") - 12
    assert content[place : place + 8] in (b"\0\0\0\x08free", b"\0\0\0\x08wide")
    size = int.from_bytes(content[place + 8 : place + 12], "big") + 8
    return content[:place] + b"\0\0\0\1mdat" + size.to_bytes(8, "big") + content[place + 16 :]


def with_late_doc_type(content):
    """Return Matroska whose header has other elements, and 300 empty bytes, before its DocType."""
    size = content[4] & 0x7F if content[4] & 0x80 else int.from_bytes(content[4:12], "big") & (1 << 56) - 1
    start = 5 if content[4] & 0x80 else 12
    body = b"\xec\x41\x2c" + bytes(300) + content[start : start + size]
    return content[:4] + b"\x01" + len(body).to_bytes(7, "big") + body + content[start + size :]


def id3(size=300, footer=False, version=4):
    """Return an ID3v2 tag with so many bytes of padding."""
    sizes = bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
    head = bytes([version, 0, 0x10 if footer else 0]) + sizes
    return b"ID3" + head + bytes(size) + (b"3DI" + head if footer else b"")


def wav(channels=1, width=2, rate=8000):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(bytes(100 * channels * width))
    return out.getvalue()


def made(read):
    """Return the samples by name."""
    film, phone, sound, old = read("isom.mp4"), read("phone.3gp"), read("isom.m4a"), read("iphone.mov")
    flac, adts, mp3 = read("flac.flac"), read("adts.aac"), read("bare.mp3")
    samples = {f"{major.strip()}-brand.mp4": branded(film, major, names) for major, names in MP4_BRANDS.items()}
    samples |= {f"{major.strip()}-brand.m4a": branded(sound, major, names) for major, names in M4A_BRANDS.items()}
    samples |= {f"{major}-brand.3gp": branded(phone, major, names) for major, names in MOBILE_BRANDS.items()}
    return samples | {
        "free-first.mp4": box(b"free", bytes(8)) + film,
        "wide-size.mp4": with_wide_size(film),
        "wide-size.mov": with_wide_size(old),
        "wide-first.mov": brandless(old, b"wide"),
        "skip-first.mov": brandless(old, b"skip"),
        "movie-first.mov": read("faststart.mov")[20:],
        "also-quicktime.mov": branded(film, "isom", "qt"),
        "late-doc-type.mkv": with_late_doc_type(read("matroska.mkv")),
        "late-doc-type.webm": with_late_doc_type(read("vp9.webm")),
        "tagged.flac": id3() + flac,
        "tagged-twice.flac": id3() + id3(5, version=3) + flac,
        "footer.flac": id3(20_000, footer=True) + flac,
        "large-tag.aac": id3(200_000) + adts,
        "large-tag.mp3": id3(2_000_000) + mp3,
        "footer.mp3": id3(footer=True) + mp3,
        "one-frame.mp3": mp3[: 144 * 32000 // 44100] + b"TAG".ljust(128, b"\0"),
        "zeros.mp3": id3() + bytes(1000) + mp3,
        "radio.mp3": (mp3[100:] + mp3 * 3)[: 4 * len(mp3) - 250],
        "mono.wav": wav(),
        "stereo.wav": wav(2, 3, 48000),
    }
