"""From blurred to restored pixels: `restorer`, and `tiles` for large pictures."""
