"""Number plates that are drawn without end: every sample's text is known.

`spec` says what is on a plate, `layouts` draws one at random (`america`, `europe`,
`vietnam`), `drawing` draws it flat (`canvas`, `glyphs`, `print`), `scenes` puts it on a
vehicle, `render` gives the final picture, `source` is the data source of the config.
"""
