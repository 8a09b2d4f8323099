"""File storages for Flask. Every backend is a PyFilesystem2 filesystem."""

from . import _import_fs  # noqa: F401  (before any import of fs)
from .backends import DEFAULT_BACKEND, BaseBackend
from .backends.contract import Entry, StoredName, UploadTerms, UploadURL
from .errors import (
    BackendError,
    ConfigurationError,
    DecryptionError,
    EmptyUpload,
    FileExists,
    FileNotFound,
    FileTooLarge,
    FSError,
    InvalidPath,
    NotAuthorized,
    OperationNotSupported,
    PermissionDenied,
    UnauthorizedFileType,
    UploadNotAllowed,
    VersionChanged,
)
from .extension import by_name, init_app
from .files import (
    ALL,
    ARCHIVES,
    AUDIO,
    DATA,
    DEFAULTS,
    DOCUMENTS,
    EXECUTABLES,
    IMAGES,
    NONE,
    SCRIPTS,
    TEXT,
    VIDEO,
    All,
    AllExcept,
    DisallowAll,
)
from .storage import Storage
from .web.access import Access

__version__ = "0.2.0.dev0"

__all__ = [
    "ALL",
    "ARCHIVES",
    "AUDIO",
    "DATA",
    "DEFAULTS",
    "DEFAULT_BACKEND",
    "DOCUMENTS",
    "EXECUTABLES",
    "IMAGES",
    "NONE",
    "SCRIPTS",
    "TEXT",
    "VIDEO",
    "Access",
    "All",
    "AllExcept",
    "BackendError",
    "BaseBackend",
    "ConfigurationError",
    "DecryptionError",
    "DisallowAll",
    "EmptyUpload",
    "Entry",
    "FSError",
    "FileExists",
    "FileNotFound",
    "FileTooLarge",
    "InvalidPath",
    "NotAuthorized",
    "OperationNotSupported",
    "PermissionDenied",
    "Storage",
    "StoredName",
    "UnauthorizedFileType",
    "UploadNotAllowed",
    "UploadTerms",
    "UploadURL",
    "VersionChanged",
    "__version__",
    "by_name",
    "init_app",
]
