"""Images that Pillow reads but does not write, made byte by byte."""

import io
import struct
import zlib

from PIL import Image
from PIL.JpegImagePlugin import get_sampling

GRAY, COLOUR = 0, 2


def chunk(name, data):
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


# https://www.w3.org/TR/png-3/#8Interlace: the first column and row of each pass, and the steps
WHOLE = [(0, 0, 1, 1)]
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(size, depth, colour_type, pixels, *before, passes=WHOLE):
    """Return a PNG with samples of any depth.

    :param pixels: what gives the samples at x and y, a tuple.
    :param before: the chunks between the header and the pixels, each a name and data.
    """
    width, height = size
    rows = b""
    for left, top, across, down in passes:
        for y in range(top, height, down):
            samples = [sample for x in range(left, width, across) for sample in pixels(x, y)]
            bits = sum(sample << depth * place for place, sample in enumerate(reversed(samples)))
            length = -(-len(samples) * depth // 8)
            rows += b"\0" + (bits << (length * 8 - len(samples) * depth)).to_bytes(length, "big")
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, passes is ADAM7)
    chunks = [(b"IHDR", header), *before, (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def tiff(size, depth, samples, data, *entries):
    """Return a TIFF of one strip that is not compressed.

    :param depth: the bits of each sample.
    :param samples: how many each pixel has.
    :param entries: more entries of its directory, each a tag and a number.
    """
    depths = struct.pack(f"<{samples}H", *[depth] * samples)
    start = 8 + len(depths)
    numbers = [(256, size[0]), (257, size[1]), (259, 1), (273, start), (277, samples), (278, size[1]), (279, len(data))]
    directory = [struct.pack("<HHII", 258, 3, samples, 8)]
    directory += [struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in numbers]
    directory += [struct.pack("<HHII", tag, 3, 1, value) for tag, value in entries]
    directory.sort(key=lambda entry: struct.unpack("<H", entry[:2]))
    head = struct.pack("<2sHI", b"II", 42, start + len(data))
    return head + depths + data + struct.pack("<H", len(directory)) + b"".join(directory) + bytes(4)


def segment(code, data):
    """Return a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, code, len(data) + 2) + data


def lossless_jpeg(image):
    """Return a gray image as a lossless JPEG (T.81, annex H): each pixel as its difference to the one before it."""
    width, height = image.size
    pixels = image.tobytes()
    bits = ""
    for place, value in enumerate(pixels):
        x, y = place % width, place // width
        guess = pixels[place - 1] if x else pixels[place - width] if y else 128
        difference = value - guess
        size = abs(difference).bit_length()
        # all seventeen sizes have codes of five bits
        bits += f"{size:05b}"
        if size:
            bits += f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}"
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    frame = struct.pack(">BHHB3B", 8, height, width, 1, 1, 0x11, 0)
    table = b"\0" + bytes([0, 0, 0, 0, 17] + [0] * 11) + bytes(range(17))
    scan = bytes([1, 1, 0, 1, 0, 0])
    segments = segment(0xC3, frame) + segment(0xC4, table) + segment(0xDA, scan)
    return b"\xff\xd8" + segments + data + b"\xff\xd9"


def tall_chroma(image):
    """Return a JPEG whose colours have half the height, 4:4:0: one of 4:2:2, with its blocks put in another order.

    It shows the 16 by 8 pixels of the image one below the other, as 8 by 16.
    """
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, subsampling="4:2:2")
    content = bytearray(out.getvalue())
    place = content.index(b"\xff\xc0") + 5
    width, height = image.size
    content[place : place + 4] = struct.pack(">HH", 2 * height, width // 2)
    assert content[place + 6] == 0x21
    content[place + 6] = 0x12
    with Image.open(io.BytesIO(content)) as made:
        assert get_sampling(made) == -1
    return bytes(content)


def ultra_hdr(primary, gain_map, has_map=True):
    """Return two JPEGs as phones join them: a picture, and behind it the map of how bright its parts may shine."""
    pictures = [io.BytesIO(), io.BytesIO()]
    icc = primary.info.get("icc_profile")
    exif = primary.info.get("exif", b"")
    primary.save(pictures[0], "JPEG", quality=92, subsampling=0, icc_profile=icc, exif=exif)
    gain_map.save(pictures[1], "JPEG", quality=90)
    first, second = (picture.getvalue() for picture in pictures)
    name = b"http://ns.adobe.com/xap/1.0/\0"
    description = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/></rdf:RDF>'
        b"</x:xmpmeta>"
    )
    xmp = segment(0xE1, name + description) if has_map else b""
    # CIPA DC-007: version, number of pictures, and for each its kind, length and place after the byte order
    length = 4 + 4 + 4 + 2 + 3 * 12 + 4 + 32
    start = len(first) + len(xmp) + length + 4
    # the segment stands first; its byte order, 8 bytes after the marker, is where places are counted from
    place = start - (2 + 4 + 4)
    tags = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
    tags += struct.pack(">HHII", 0xB002, 7, 32, 8 + 2 + 3 * 12 + 4)
    entries = struct.pack(">IIIHH", 0x030000, start, 0, 0, 0) + struct.pack(">IIIHH", 0, len(second), place, 0, 0)
    data = b"MPF\0" + b"MM\0\x2a" + struct.pack(">I", 8) + struct.pack(">H", 3) + tags + struct.pack(">I", 0) + entries
    mpf = segment(0xE2, data)
    assert len(mpf) == length + 4
    return first[:2] + mpf + xmp + first[2:] + second
