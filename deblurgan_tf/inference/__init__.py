"""From pixels to restored pixels: `restorer`, and `tiles` for large pictures."""
