"""How good a restored picture (`pixels`) or a text that was read (`texts`) is."""
