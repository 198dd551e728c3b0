"""Models in the formats of others: SavedModel, ONNX, LiteRT; the verb is export.py.

`graph` makes a generator answer as `predict` does, pixels in and out; `picture_bytes`
decodes and encodes files inside a graph. `saved_model`, `onnx_file` and `litert_file`
write; `serving_files`, `warm_up` and `model_card` write what goes with them. `reloaded`
opens an export in a fresh process, `agreement` compares its answers with `predict`'s,
and `quantisation_cost` says what smaller weights lose.
"""
