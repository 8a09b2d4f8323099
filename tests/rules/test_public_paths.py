"""Each public import path leads to what it names."""

from importlib import import_module

import pytest

from flask_pyfs import files

PATHS = {
    "backends": ["BaseBackend", "Config", "DEFAULT_BACKEND", "Option"],
    "backends.gridfs": ["GridFsBackend"],
    "backends.local": ["LocalBackend"],
    "backends.memory": ["MemoryBackend"],
    "backends.mock": ["MockBackend"],
    "backends.pyfs": ["PyFilesystemBackend"],
    "backends.s3": ["S3Backend"],
    "backends.swift": ["SwiftBackend"],
    "errors": ["FSError", "ConfigurationError", "FileExists", "FileNotFound", "StoreMisconfigured"],
    "files": ["ALL", "DEFAULTS", "IMAGES", "extension", "lower_extension", "mime"],
    "filesystems.generic": ["GenericStore", "as_store"],
    "filesystems.gridfs": ["GridFS"],
    "filesystems.local": ["LocalFS"],
    "filesystems.memory": ["MemoryFS"],
    "filesystems.objects": ["ObjectFS"],
    "filesystems.s3": ["S3FS"],
    "filesystems.store": ["Facts", "StoreFS"],
    "filesystems.swift": ["SwiftFS"],
    "images": ["center_thumbnail", "crop_thumbnail", "make_thumbnail", "optimize", "resize"],
    "mongo": ["FileField", "FileReference", "ImageField", "ImageReference", "undoing"],
    "signals": ["before_display", "file_deleted", "file_uploaded"],
    "sqlalchemy": ["FileReference", "FileType", "ImageReference", "ImageType"],
    "storage": ["Config", "Storage"],
    "testing": ["StorageConformance", "memory_storages"],
    "uploads": ["client_name"],
}


@pytest.mark.parametrize("path", [f"{module}.{name}" for module, names in PATHS.items() for name in names])
def test_a_path_of_a_module(path):
    module, _, name = path.rpartition(".")
    found = getattr(import_module(f"flask_pyfs.{module}"), name)
    # a value has no name of its own
    assert found is getattr(files, name, None) or getattr(found, "__name__", name) == name


@pytest.mark.parametrize("name", ["Access", "UploadTerms", "UploadURL"])
def test_what_settings_and_backends_need_is_at_the_top(name):
    package = import_module("flask_pyfs")
    assert getattr(package, name).__name__ == name
    assert name in package.__all__
