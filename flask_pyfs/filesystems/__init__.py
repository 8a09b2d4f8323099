"""PyFilesystem2 filesystems with what uploads need. No Flask, no app, no configuration."""
