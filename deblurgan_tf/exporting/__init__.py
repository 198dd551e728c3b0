"""The parts of `export`: models as SavedModel, ONNX and LiteRT.

`options` checks the command line, `writing` is the work. `graph` makes a generator
answer as `predict` does, pixels in and out; `picture_bytes` decodes and encodes files
inside a graph. `saved_model`, `onnx_file` and `litert_file` write these formats;
`serving_files`, `warm_up` and `model_card` write the files that go with them.
`reloaded` opens an export in a fresh process, `agreement` compares its answers with
those of `predict`, and `quantisation_cost` measures what smaller weights lose.
"""
