"""Files on disk: atomic writing, JSON lines, provenance and the package's own files."""
