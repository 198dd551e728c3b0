"""The page of `python -m deblurgan_tf.demo`: what its parts do, and how it looks.

`layout`, `tabs`, `parts` and `style` are Gradio's side, and import it. The others take
files, arrays and text and give the same: `handlers` (one method for each event),
`visits` (a folder for each visitor, removed when the visit ends), `pictures` (what is
let in, shown and handed out), `plate_places` (where the plates are, written or tapped),
`own_blur` (a blur made with sliders), `models` and `samples` (what there is to choose
from), `inside` (what the server refuses, so that nothing is fetched from elsewhere).
"""

from __future__ import annotations
