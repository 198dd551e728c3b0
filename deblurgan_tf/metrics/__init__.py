"""How good a restored picture or a text that was read is."""
