"""The parts of `batch`: millions of pictures, restored on Ray Data.

`listing` and `parquet_rows` say which pictures there are, `manifest` which of them are
done, `planning` what is left; `reading` fetches them, `worker` restores and commits
them batch by batch, `execution` runs both on the processes that `cluster` offers.
`stores` is the only module that touches folders and object stores.
"""
