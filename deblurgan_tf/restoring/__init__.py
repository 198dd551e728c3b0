"""Restore files: pictures, the number plates in them, and videos."""
