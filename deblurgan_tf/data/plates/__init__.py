"""Rendered number plates, as many as needed; the text of each is known.

`spec` describes a plate, `layouts` chooses one at random (`america`, `europe`,
`vietnam`), `drawing` draws it flat (with `canvas`, `glyphs`, `print`), `scenes` draws
the vehicle around it, `render` makes the final picture, `source` is the data source.
"""
