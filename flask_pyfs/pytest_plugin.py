"""Fixtures for tests of apps: ``pytest_plugins = ["flask_pyfs.pytest_plugin"]``."""

from .adapters.pytest_plugin import memory_storages

__all__ = ["memory_storages"]
