"""Finds files that nothing names, and references whose file is gone."""
