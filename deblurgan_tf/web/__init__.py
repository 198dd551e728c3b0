"""The page of `python -m deblurgan_tf.demo`: what its parts do, and how it looks.

`layout`, `tabs`, `parts` and `style` are the side of Gradio, and import it. The others
take and return files, arrays and text: `handlers` (one method for each event), `visits`
(a folder for each visitor, removed when the visit ends), `pictures` (what is accepted,
shown and handed out), `plate_places` (where the plates are, written or tapped),
`own_blur` (a blur made with sliders), `models` and `samples` (what a visitor can choose
from). `server` runs the page, and `inside` refuses requests that would fetch something
from other servers.
"""
