"""The page's texts above and below the tabs, and its style."""

from __future__ import annotations

import gradio as gr

from deblurgan_tf.web import pictures

TITLE = "deblurgan_tf: motion deblurring"
WARNING = (
    "**Restored characters are a guess of the model, not evidence.** It draws strokes "
    "that fit the blur and its training; they can look right and be wrong."
)
LIMITS = (
    "JPEG, PNG, TIFF, WebP, BMP, AVIF, or GIF of one frame; at most "
    f"{pictures.MAX_BYTES // 2**20} MB and {pictures.MAX_PIXELS / 1e6:.0f} megapixels. "
    "The download is a PNG of the same size and bits. Your pictures are removed from "
    "the server when you close this page. Credits of the samples: assets/samples."
)
CSS = """
.message { margin: 0 !important; }
.message.failed { color: #b91c1c; font-weight: 600; }
.dark .message.failed { color: #fca5a5; }
.message-block .html-container { padding: 0; }
#kernel img { image-rendering: pixelated; }
#samples .grid-wrap, #crops .grid-wrap { height: auto; max-height: none; }
#samples .grid-wrap { min-height: 0; }
#samples .grid-container { padding-top: 0;
  grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); }
#samples .caption-label { left: 0; right: 0; max-width: none; border-radius: 0;
  padding: 1px 4px; font-size: 11px; text-align: center; }
#crops .empty, #own-pair .empty { min-height: 7em; height: 7em; }
#crops .grid-container { grid-template-columns: 1fr 1fr; padding-top: 0; }
#crops .thumbnail-item { display: flex; flex-direction: column; aspect-ratio: auto;
  height: auto; }
#crops .thumbnail-item img { height: auto; object-fit: contain; }
#crops .caption-label { position: static; max-width: none; align-self: stretch;
  white-space: normal; text-align: center; }
@media (max-width: 640px) {
  .beside { flex-direction: column; flex-wrap: nowrap; }
  .beside > * { width: 100%; min-width: 0 !important; }
  #samples .grid-container {
    grid-template-columns: repeat(auto-fill, minmax(64px, 1fr)); }
}
"""


def theme() -> gr.themes.Base:
    """With fonts of the visitor's machine: nothing is fetched from other servers."""
    return gr.themes.Default(
        primary_hue="blue",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
