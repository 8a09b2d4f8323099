"""The blinker signals of storages.

The sender of each is the :class:`~flask_pyfs.Storage`; the argument ``filename`` is the name of the file.
"""

from blinker import NamedSignal, Namespace

__all__ = ["before_display", "file_deleted", "file_uploaded", "ns"]

ns: Namespace = Namespace()

#: Sent after ``save`` or ``write`` stored a file.
file_uploaded: NamedSignal = ns.signal("file-uploaded")

#: Sent after ``delete`` deleted a file, or everything below a directory.
file_deleted: NamedSignal = ns.signal("file-deleted")

#: Sent before a file is served over HTTP.
before_display: NamedSignal = ns.signal("before-display")
