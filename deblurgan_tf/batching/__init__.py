"""The parts of `batch`: millions of pictures, restored on Ray Data.

`job` is one run of the command. `listing` and `parquet_rows` list the pictures,
`manifest` says which of them are done, `planning` what is left. `reading` reads their
bytes, `worker` restores and commits them batch by batch, `execution` runs both on the
processes that `cluster` offers. `locks` keeps a second command away. `stores` is where
folders and object stores are read and written.
"""
