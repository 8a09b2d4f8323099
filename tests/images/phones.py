"""Photos as phones, cameras and other programs write them."""

import io
import struct

import pillow_heif
from drawn import MODES, drawn
from PIL import Image

FILM = struct.pack(">I", 24) + b"ftypmp42\0\0\0\0mp42isom" + struct.pack(">I", 4008) + b"mdat" + bytes(range(250)) * 16
EXTENSIONS = {
    "JPEG": "jpg",
    "PNG": "png",
    "GIF": "gif",
    "WEBP": "webp",
    "AVIF": "avif",
    "BMP": "bmp",
    "TIFF": "tif",
    "HEIF": "heic",
}


def photo(size=(320, 240), mode="RGB"):
    """Draw an image that compresses as a photo does: smooth spots, which differ from each other."""
    rough = Image.effect_noise((size[0] // 8, size[1] // 8), 80).resize(size, Image.Resampling.BICUBIC)
    image = Image.merge("RGB", (rough, rough.transpose(Image.Transpose.FLIP_LEFT_RIGHT), rough))
    return image.convert(mode)


def saved(image, name, **options):
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def mpo(pictures=2, size=(320, 240)):
    """Return a JPEG with several pictures in it, as stereo cameras and iPhones write it."""
    first, *others = [photo(size) for _ in range(pictures)]
    return saved(first, "MPO", save_all=True, append_images=others)


def gain_map(size=(320, 240)):
    """Return an Ultra HDR photo: XMP says that a smaller gray picture follows, which tells how bright each pixel is."""
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    smaller = photo((size[0] // 4, size[1] // 4), "L")
    return saved(photo(size), "MPO", save_all=True, append_images=[smaller], xmp=xmp)


def broken_index():
    """Return a JPEG whose list of pictures is nonsense."""
    content = bytearray(mpo())
    place = content.index(b"MPF\0") + 12
    content[place : place + 40] = b"\xff" * 40
    return bytes(content)


JPEGS = {
    "MPO": mpo,
    "MPO of 3": lambda: mpo(3),
    "gain map": gain_map,
    "list of pictures that is broken": broken_index,
    "MPO whose other picture is cut": lambda: mpo()[:-500],
    "motion photo": lambda: saved(photo(), "JPEG") + FILM,
    "trailer of Samsung": lambda: saved(photo(), "JPEG") + b"\0\0\x01\x0aImage_UTC_Data1609459200000SEFHe\0\0\0SEFT",
    "zeros behind": lambda: saved(photo(), "JPEG") + bytes(5000),
}


def heic(image=None, exif=None, **options):
    """Return a HEIC as phones write it. The orientation of the EXIF data is also that of its boxes."""
    made = pillow_heif.from_pillow(photo() if image is None else image)
    if exif:
        made[0].info["exif"] = exif
    out = io.BytesIO()
    made.save(out, **{"quality": 60, **options})
    return out.getvalue()


def of_mode(name, mode):
    return lambda: drawn(name, mode, size=(96, 64))


#: What is whole: for each name the format, and a function that makes the file.
WHOLE = {
    **{f"{name}, {mode}": (name, of_mode(name, mode)) for name, modes in MODES.items() for mode in modes},
    **{f"JPEG, {name}": ("JPEG", make) for name, make in JPEGS.items() if "cut" not in name},
    "JPEG, progressive": ("JPEG", lambda: saved(photo(), "JPEG", progressive=True)),
    "JPEG with restarts": ("JPEG", lambda: saved(photo(), "JPEG", restart_marker_blocks=5)),
    "JPEG with a thumbnail": (
        "JPEG",
        lambda: saved(photo(), "JPEG", exif=b"Exif\0\0" + saved(photo((80, 60)), "JPEG")),
    ),
    "PNG, photo": ("PNG", lambda: saved(photo(), "PNG")),
    "PNG with more behind": ("PNG", lambda: saved(photo(), "PNG") + b"behind"),
    "GIF with more behind": ("GIF", lambda: drawn("GIF", "animated") + b"behind"),
    "BMP of 4 bits": ("BMP", lambda: saved(photo().quantize(16), "BMP")),
    "WebP, photo": ("WEBP", lambda: saved(photo(), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")),
    "WebP with more behind": ("WEBP", lambda: saved(photo(), "WEBP") + b"behind"),
    "AVIF, photo": ("AVIF", lambda: saved(photo(), "AVIF")),
    "TIFF, LZW": ("TIFF", lambda: saved(photo(), "TIFF", compression="tiff_lzw")),
    "TIFF, fax": ("TIFF", lambda: saved(photo(mode="1"), "TIFF", compression="group4")),
    "TIFF, one strip": ("TIFF", lambda: saved(photo(), "TIFF", compression="tiff_adobe_deflate", strip_size=2**30)),
    "TIFF of pages": ("TIFF", lambda: saved(photo(), "TIFF", save_all=True, append_images=[photo(mode="L")])),
    "TIFF, big": ("TIFF", lambda: saved(photo(), "TIFF", big_tiff=True)),
    "HEIC": ("HEIF", heic),
    "HEIC with alpha": ("HEIF", lambda: heic(photo(mode="RGBA"))),
    "HEIC, gray": ("HEIF", lambda: heic(photo(mode="L"))),
    "HEIC of tiles": ("HEIF", lambda: heic(photo((640, 480)), tile_size=128)),
    "HEIC of 10 bits": ("HEIF", lambda: heic(photo(mode="L").convert("I").convert("I;16"))),
}
