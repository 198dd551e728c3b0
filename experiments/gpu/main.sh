#!/bin/bash
# On the lent machine, after unpack.py --finish: bash main.sh SECONDS OUT
. /tmp/gpu-env.sh
export PYTHONPATH=/tmp/pkg:$PYTHONPATH TF_CPP_MIN_LOG_LEVEL=1 PYTHONUNBUFFERED=1
export XLA_FLAGS="--xla_gpu_cuda_data_dir=/tmp/cuda" PATH=/tmp/cuda/bin:$PATH
[ -d /tmp/reader ] && READER="--reader /tmp/reader"
cd /tmp/code
exec python3 session.py /tmp/data /tmp/start.npz "$2" --seconds "$1" $READER \
    --pid $(cat /tmp/render.pid /tmp/prepare.pid 2>/dev/null)
