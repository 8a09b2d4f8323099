"""Checks that storages work, and says which setting to change."""
