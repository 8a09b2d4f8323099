"""Small files that cost much, made here byte by byte: what an attacker would send."""

import io
import struct
import zlib

from drawn import drawn
from PIL import Image

MIB = 1024 * 1024

#: The start of a GIF without colours of its own.
GIF = b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, colour=2, rows=None, before=b"", after=b"", depth=8):
    """Return a black PNG that says how large it is, and has so many rows of it, all by default."""
    row = bytes(1 + (width * {0: 1, 2: 3, 3: 1, 6: 4}[colour] * depth + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(height if rows is None else rows)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    palette = chunk(b"PLTE", bytes(range(48))) if colour == 3 else b""
    content = [head, before, palette, chunk(b"IDAT", data), after, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(content)


def texts(count):
    """Return compressed texts for a PNG: each of a kilobyte becomes a megabyte."""
    packed = zlib.compress(bytes(1_000_000))
    return b"".join(chunk(b"zTXt", b"k%d\0\0" % number + packed) for number in range(count))


def tiff(*entries, tail=b"", width=16, height=16):
    """Return a gray TIFF with more entries: tag, type, number of values, value or offset."""
    every = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1)}
    every.update({tag: rest for tag, *rest in entries})
    made = struct.pack("<2sHIH", b"II", 42, 8, len(every))
    made += b"".join(struct.pack("<HHII", tag, *every[tag]) for tag in sorted(every))
    return (made + bytes(4)).ljust(200, b"\0") + tail


def tiff_tile(side=46_336):
    """Return a TIFF of 16 by 16 pixels that is a piece of one tile, compressed with LZW."""
    return tiff(
        (259, 3, 1, 5), (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 200), (325, 4, 1, 3), tail=b"\x80\0\0"
    )


def tiff_pages(count):
    """Return a TIFF of many directories, each of which refers to the same strip."""
    page = struct.pack("<H", 8) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value)
        for tag, kind, value in zip(
            (256, 257, 258, 259, 262, 273, 277, 279), (4, 4, 3, 3, 3, 4, 3, 4), (1, 1, 8, 1, 1, 8, 1, 1), strict=True
        )
    )
    size = len(page) + 4
    return struct.pack("<2sHI", b"II", 42, 8) + b"".join(
        page + struct.pack("<I", 8 + (number + 1) * size if number + 1 < count else 0) for number in range(count)
    )


def bmp(width, height, compression, content):
    """Return a BMP of 16 colours, compressed by runs."""
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 118)
    head += struct.pack("<IiiHHIIiiII", 40, width, height, 1, {1: 8, 2: 4}[compression], compression, 0, 0, 0, 16, 16)
    return head + bytes(range(64)) + content


def bmp_lines(width, height):
    """Return a BMP in RLE4 whose lines are one pixel, and end there: Pillow fills them pixel by pixel."""
    return bmp(width, height, 2, b"\1\1\0\0" * height + b"\0\1")


def gif(width, height, frames=1, side=1, disposal=0, extra=b""):
    """Return a GIF whose frames are dots of one colour."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    control = b"!\xf9\x04" + bytes([disposal << 2, 1, 0, 0, 0])
    first, other = (
        control + b"," + struct.pack("<HHHHB", 0, 0, one, one, 0) + b"\x02\x02\x44\x01\x00" for one in (1, side)
    )
    return head + extra + first + other * (frames - 1) + b";"


def jpeg(before=b""):
    """Return a JPEG with segments before its own."""
    return b"\xff\xd8" + before + drawn("JPEG", "RGB")[2:]


def segment(marker, data):
    return bytes([255, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg_scans(width, height, scans):
    """Return a progressive JPEG with its last scan many times."""
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "JPEG", progressive=True)
    content = out.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * scans + content[-2:]


def avif_that_lies(side):
    """Return an AVIF that says it has 16 by 16 pixels."""
    out = io.BytesIO()
    Image.new("L", (side, side)).save(out, "AVIF", speed=10)
    content = bytearray(out.getvalue())
    place = content.index(b"ispe") + 8
    content[place : place + 8] = struct.pack(">II", 16, 16)
    return bytes(content)


def webp_canvas(side):
    """Return an animated WebP with small frames on a large canvas."""
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    content = bytearray(out.getvalue())
    content[24:30] = (side - 1).to_bytes(3, "little") * 2
    return bytes(content)


def padded_webp(size):
    content = drawn("WEBP", "RGB")
    size += size % 2
    return (
        content[:4]
        + struct.pack("<I", len(content) + size)
        + content[8:]
        + b"junk"
        + struct.pack("<I", size)
        + bytes(size)
    )


def padded_avif(size):
    return drawn("AVIF", "RGB") + struct.pack(">I4s", size + 8, b"free") + bytes(size)


def box(name, *numbers, content=b""):
    """Return a box of ISO 14496-12 with numbers of four bytes in it."""
    content = struct.pack(f">{len(numbers)}I", *numbers) + content
    return struct.pack(">I4s", 8 + len(content), name) + content


def avif_boxes(*boxes):
    return box(b"ftyp", content=b"avif\0\0\0\0avifmif1") + b"".join(boxes)


def avif_tracks(count, samples):
    """Return an AVIF whose tracks have so many samples of one byte, in one chunk each."""
    track = box(b"stsz", 0, 1, samples) + box(b"stsc", 0, 1, 1, samples, 1) + box(b"stco", 0, 1, 0)
    return avif_boxes(box(b"moov", content=box(b"trak", content=track) * count))


def avif_chunks(count):
    """Return an AVIF that has a run of chunks, which never begins, for each chunk."""
    runs = box(b"stsc", 0, count, content=struct.pack(">III", 2**31, 1, 1) * count)
    track = box(b"stsz", 0, 1, 1) + runs + box(b"stco", 0, count, content=bytes(4 * count))
    return avif_boxes(box(b"moov", content=box(b"trak", content=track)))


def exif_tags(count):
    """Return EXIF data whose tags all have the same bytes."""
    tags = b"".join(struct.pack("<HHII", 1000 + number, 7, 60_000, 8) for number in range(count))
    return (b"Exif\0\0II*\0" + struct.pack("<IH", 8, count) + tags + bytes(4)).ljust(65_533, b"\0")


#: What costs too much however it is read: the extension, a function that makes the file, what the message says.
UNOPENABLE = {
    "WebP of many bytes": ("webp", lambda: padded_webp(90 * MIB), "FS_IMAGES_MAX_MEMORY"),
    "AVIF of many bytes": ("avif", lambda: padded_avif(90 * MIB), "FS_IMAGES_MAX_MEMORY"),
    "AVIF, sizes of samples": ("avif", lambda: avif_boxes(box(b"stsz", 0, 0, 50_000) * 300), "not a readable image"),
    "AVIF, many samples": ("avif", lambda: avif_tracks(100, 50_000), "100000 boxes and samples"),
    "AVIF, chunks and runs": ("avif", lambda: avif_chunks(24_000), "not a readable image"),
    "PNG, many texts": (
        "png",
        lambda: png(16, 16, before=texts(100) + chunk(b"teSt", bytes(40 * MIB))),
        "FS_IMAGES_MAX_M",
    ),
    "PNG, large chunk": ("png", lambda: png(16, 16, after=chunk(b"teSt", bytes(130 * MIB))), "FS_IMAGES_MAX_MEMORY"),
    "PNG, many chunks": ("png", lambda: png(16, 16, before=chunk(b"teSt", b"") * 300_000), "250000 chunks"),
    "JPEG, long EXIF": ("jpg", lambda: jpeg(segment(0xE1, b"Exif\0\0" + bytes(60_000)) * 100), "FS_IMAGES_MAX_MEMORY"),
    "JPEG, EXIF that shares bytes": ("jpg", lambda: jpeg(segment(0xE1, exif_tags(5_000))), "FS_IMAGES_MAX_MEMORY"),
    "PNG, EXIF that shares bytes": (
        "png",
        lambda: png(16, 16, before=chunk(b"eXIf", exif_tags(5_000)[6:])),
        "FS_IMAGES_MAX_MEMORY",
    ),
    "JPEG, many segments": ("jpg", lambda: jpeg(segment(0xE5, b"") * 10_000), "5000 segments"),
    "JPEG, many tables": ("jpg", lambda: jpeg(segment(0xDB, bytes(65 * 1000)) * 150), "100 segments of tables"),
    "JPEG, junk": ("jpg", lambda: jpeg(segment(0xE5, b"") + bytes(10 * MIB)), "65536 bytes between"),
    "JPEG, fill bytes": ("jpg", lambda: jpeg(b"\xff" * 10 * MIB), "65536 bytes between"),
    "GIF, junk": ("gif", lambda: GIF + b"\1" * 1_000_000, "250000 extensions and other bytes"),
    "GIF, extensions": ("gif", lambda: GIF + b"!\xfe\0" * 1_000_000, "250000 extensions and other bytes"),
    "GIF, junk behind a frame": ("gif", lambda: gif(1, 1, 1)[:-1] + b"\1" * 1_000_000 + b";", "250000 extensions"),
    "TIFF, fractions": ("tif", lambda: tiff((282, 5, 1_000_000, 200), tail=bytes(8 * MIB)), "FS_IMAGES_MAX_MEMORY"),
    "TIFF, offsets": ("tif", lambda: tiff((273, 4, 1_000_000, 200), tail=bytes(4 * MIB)), "FS_IMAGES_MAX_MEMORY"),
    "TIFF, twice": ("tif", lambda: tiff((256, 4, 1, 16)).replace(b"\1\1\4\0", b"\0\1\4\0", 1), "tag 256 twice"),
    "BMP, long header": (
        "bmp",
        lambda: b"BM" + bytes(12) + struct.pack("<I", 10 * MIB) + bytes(10 * MIB),
        "BMP has a header",
    ),
}

#: What can be stored, but costs too much to decode.
UNDECODABLE = {
    "TIFF, one tile": ("tif", tiff_tile),
    "TIFF, one strip": (
        "tif",
        lambda: tiff((259, 3, 1, 5), (273, 4, 1, 200), (278, 4, 1, 2**32 - 1), width=46_336, height=46_336),
    ),
    "BMP, runs": ("bmp", lambda: bmp_lines(60_000, 2_900)),
    "PNG, large": ("png", lambda: png(8_000, 8_000, rows=1)),
    "GIF, dots": ("gif", lambda: gif(2_000, 2_000, 5_000)),
    "GIF, many frames": ("gif", lambda: gif(1, 1, 100_000)),
    "GIF, frames outside": ("gif", lambda: gif(1, 1, 50, 60_000)),
    "JPEG, many scans": ("jpg", lambda: jpeg_scans(4_000, 4_000, 180)),
    "WebP, canvas": ("webp", lambda: webp_canvas(8_000)),
    "AVIF, small header": ("avif", lambda: avif_that_lies(4_500)),
}

#: What is taken, within the limits.
TAKEN = {
    "PNG in palette": ("png", lambda: png(13_300, 13_300, 3)),
    "PNG": ("png", lambda: png(7_200, 7_200)),
    "PNG of 16 bits": ("png", lambda: png(6_500, 6_500, depth=16)),
    "PNG, texts": ("png", lambda: png(16, 16, after=texts(62))),
    "BMP, runs": ("bmp", lambda: bmp_lines(20_000, 2_000)),
    "GIF, dots": ("gif", lambda: gif(2_000, 2_000, 20)),
    "GIF, many frames": ("gif", lambda: gif(1, 1, 100)),
    "GIF, comment": ("gif", lambda: gif(9, 9, extra=b"!\xfe" + b"\1a" * 500_000 + b"\0")),
    "TIFF, pages": ("tif", lambda: tiff_pages(9_000)),
    "JPEG, tags": ("jpg", lambda: jpeg(segment(0xE1, exif_tags(1_000)))),
    "JPEG, fractions": (
        "jpg",
        lambda: jpeg(
            segment(
                0xE1, (b"Exif\0\0II*\0" + struct.pack("<IHHHIII", 8, 1, 0x11A, 5, 8_000, 100, 0)).ljust(65_533, b"\1")
            )
        ),
    ),
}

#: Those that are tried by default: what is quick to make.
QUICK = ["PNG", "GIF, dots", "TIFF, pages", "JPEG, fractions"]
