"""Restore files: pictures, number plates in them and videos, from input to output."""
