#!/bin/bash
# Draws plates on CORES cores into a pool in memory, described in OUT.
cd "$(dirname "$0")" || exit 1
export PYTHONPATH="$PWD/package" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec nice -n 5 python3 draw.py --pool "${OUT:-/tmp/reader_data}" --fonts fonts \
    --processes "${CORES:-7}" --slots "${SLOTS:-100000}" --seconds 1500
