"""Renames files to the normal form of their names."""
