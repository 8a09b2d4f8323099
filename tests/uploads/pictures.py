"""Images in the variants that cameras and programs write."""

import io
import struct

from media import branded
from PIL import Image

MODES = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "gif": ("L", "P"),
    "jpg": ("L", "RGB", "CMYK"),
    "bmp": ("1", "L", "P", "RGB"),
    "tif": ("1", "L", "P", "RGB", "RGBA", "CMYK"),
    "webp": ("RGB", "RGBA"),
    "avif": ("RGB", "RGBA"),
}
FORMATS = {"jpg": "JPEG", "tif": "TIFF"}


def image(mode="RGB", size=(20, 12), shade=90):
    if mode == "I;16":
        return Image.new(mode, size, shade)
    return Image.new("RGB", size, (shade, 20, 30)).convert(mode)


def saved(ext, mode="RGB", **options):
    out = io.BytesIO()
    image(mode).save(out, FORMATS.get(ext, ext.upper()), **options)
    return out.getvalue()


def several(*others, **options):
    """Return an MPO: a JPEG with other pictures behind the first, which browsers do not show."""
    out = io.BytesIO()
    image("RGB", (64, 48)).save(out, "MPO", save_all=True, append_images=others, **options)
    return out.getvalue()


#: The XMP of a photo with a map that says how bright each pixel is on a screen that can (Ultra HDR).
GAIN_MAP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/></rdf:RDF></x:xmpmeta>'
)


def moving(format):
    out = io.BytesIO()
    image().save(out, format, save_all=True, append_images=[image(shade=200)], duration=100)
    return out.getvalue()


def bitmap(header):
    """Return a bitmap with a header of another size, as OS/2 (12) and newer Windows (108, 124) write it."""
    pixels = bytes(2 * 8)
    if header == 12:
        info = struct.pack("<IHHHH", 12, 2, 2, 1, 24)
    else:
        info = struct.pack("<IiiHHIIiiII", header, 2, 2, 1, 24, 0, len(pixels), 0, 0, 0, 0).ljust(header, b"\0")
    offset = 14 + len(info)
    return struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset) + info + pixels


def icon(**options):
    out = io.BytesIO()
    image("RGBA", (64, 64)).save(out, "ICO", sizes=[(16, 16), (48, 48)], **options)
    return out.getvalue()


def photoshop(version=1):
    """Return an image of Photoshop: 1 x 1, RGB, without resources and layers."""
    header = struct.pack(">4sH6xHIIHH", b"8BPS", version, 3, 1, 1, 8, 3)
    return header + bytes(4) + bytes(4) + bytes(4 if version == 1 else 8) + bytes(2) + b"\1\2\3"


def made(read):
    """Return the samples by name."""
    samples = {f"{mode.replace(';', '')}.{ext}": saved(ext, mode) for ext, modes in MODES.items() for mode in modes}
    heic = read("libheif.heic")
    return samples | {
        "progressive.jpg": saved("jpg", progressive=True),
        "exif.jpg": saved("jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
        "iphone.jpg": several(image("L", (32, 24))),
        "stereo.jpe": several(image("RGB", (64, 48)), image("RGB", (64, 48))),
        "ultra-hdr.jpeg": several(image("L", (16, 12)), xmp=GAIN_MAP),
        "ultra-hdr.jpg": several(image("L", (16, 12)), xmp=GAIN_MAP),
        "motion.jpg": saved("jpg") + read("isom.mp4"),
        "a.jpe": saved("jpg"),
        "a.jpeg": saved("jpg"),
        "a.jfif": saved("jpg"),
        "moving.gif": moving("GIF"),
        "moving.apng": moving("PNG"),
        "moving.webp": moving("WEBP"),
        "lossless.webp": saved("webp", lossless=True),
        "bigtiff.tif": saved("tif", big_tiff=True),
        "lzw.tiff": saved("tif", compression="tiff_lzw"),
        "os2.bmp": bitmap(12),
        "v4.bmp": bitmap(108),
        "v5.bmp": bitmap(124),
        "pngs.ico": icon(),
        "bitmaps.ico": icon(bitmap_format="bmp"),
        "a-png.ico": saved("png"),
        "photoshop.psd": photoshop(),
        "large.psb": photoshop(2),
        "iphone.heic": branded(heic, "heic", "mif1 MiHB heic"),
        "no-codec.heic": branded(heic, "mif1", "mif1 heic miaf"),
        "sequence.heic": branded(heic, "msf1", "hevc msf1 mif1"),
        "ten-bits.heif": branded(heic, "heix", "mif1 heix miaf"),
        "canon.hif": branded(heic, "heix", "heix mif1 miaf"),
        "mif1-first.avif": branded(read("still.avif"), "mif1", "mif1 miaf avif MA1B"),
        "plain.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="1" height="1"/></svg>',
        "latin-1.svg": '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
        '<svg xmlns="http://www.w3.org/2000/svg"><title>\xe9</title></svg>'.encode("latin-1"),
    }
