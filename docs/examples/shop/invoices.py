"""Invoices: a page of PDF with a few lines of text."""

from __future__ import annotations

import io

from werkzeug.datastructures import FileStorage

from .models import Order


def make_invoice(order: Order) -> FileStorage:
    content = make_pdf(
        f"Invoice {order.number}",
        f"{order.ordered_at:%d %B %Y}",
        f"To: {order.customer.name}, {order.customer.email}",
        f"{order.quantity} x {order.product.name} at {order.price} EUR",
        f"Total: {order.quantity * order.price} EUR",
    )
    return FileStorage(io.BytesIO(content), f"Invoice {order.number}.pdf")


def make_pdf(*lines: str) -> bytes:
    shown = b" T* ".join(b"(%b) Tj" % escape(line) for line in lines)
    text = b"BT /F1 14 Tf 24 TL 72 770 Td %b ET" % shown
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        b"/Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
    ]
    pdf, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(pdf))
    return pdf + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + end


def escape(line: str) -> bytes:
    # the fonts that each viewer has know the letters of western Europe
    text = line.encode("cp1252", "replace")
    return text.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
