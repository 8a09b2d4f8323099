"""PyFilesystem2 filesystems with verbs for uploads. They know no Flask, no app and no configuration."""

from .. import _import_fs  # noqa: F401  (before fs, also in a thread of its own)
