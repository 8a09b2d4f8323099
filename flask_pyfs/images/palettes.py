"""Palettes for GIF: exact where an image has no more than 256 colours, one of which may be transparent."""

from __future__ import annotations

from PIL import Image

_MOST = 256


def with_palette(image: Image.Image, effort: int) -> Image.Image:
    """Return an image in a mode of a GIF. Pixels of a GIF are opaque or transparent: half of the alpha decides.

    :param effort: 0 for the best colours, higher numbers for a faster and coarser choice if there are more than 256.
    """
    if image.mode in ("1", "L", "P"):
        return image
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "RGB":
        return _quantized(image, _MOST, effort)
    clear = image.getchannel("A").point([255] * 128 + [0] * 128)
    flat = image.convert("RGB")
    if clear.getbbox() is None:
        return _quantized(flat, _MOST, effort)
    # what is hidden takes a colour that is seen, so that it does not use up the palette
    flat.paste(_seen(flat, clear), mask=clear)
    result = _quantized(flat, _MOST - 1, effort)
    palette = (result.getpalette() or [])[: 3 * (_MOST - 1)]
    hole = len(palette) // 3
    result.putpalette([*palette, 0, 0, 0])
    result.paste(hole, mask=clear)
    result.info["transparency"] = hole
    return result


def _seen(image: Image.Image, clear: Image.Image) -> tuple[int, ...]:
    """Return the colour of one of the pixels that are not clear; black if all are."""
    box = clear.point([255] + [0] * 255).getbbox()
    if box is None:
        return (0, 0, 0)
    # the first row of the box has such a pixel
    row = clear.crop((box[0], box[1], box[2], box[1] + 1)).tobytes()
    return image.getpixel((box[0] + row.index(0), box[1]))  # type: ignore[return-value]


def _quantized(image: Image.Image, colours: int, effort: int) -> Image.Image:
    # the median cut keeps the colours as they are if they fit, and is quick then
    is_exact = image.getcolors(colours) is not None
    method = Image.Quantize.MEDIANCUT if is_exact or not effort else Image.Quantize.FASTOCTREE
    return image.quantize(colours, method, dither=Image.Dither.NONE)
