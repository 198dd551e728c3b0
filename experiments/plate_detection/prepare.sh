#!/bin/bash
# Draws scenes on CORES cores into a pool in memory, described in OUT.
cd "$(dirname "$0")" || exit 1
export PYTHONPATH="$PWD/package" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec nice -n 5 python3 pool.py --pool "${OUT:-/tmp/guest_data}" \
    --backgrounds backgrounds --fonts fonts --processes "${CORES:-7}" \
    --slots "${SLOTS:-16000}" --seconds 1500
