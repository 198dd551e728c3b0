#!/bin/bash
# On the lent machine, after unpack.py --finish: bash main.sh UNTIL OUT, a time in Unix
# seconds. It goes on when the command that called it is over; OUT holds what there is.
. /tmp/gpu-env.sh
export PYTHONPATH=/tmp/pkg:$PYTHONPATH TF_CPP_MIN_LOG_LEVEL=1 PYTHONUNBUFFERED=1
export XLA_FLAGS="--xla_gpu_cuda_data_dir=/tmp/cuda" PATH=/tmp/cuda/bin:$PATH
[ -d /tmp/guest ] && GUEST="--guest /tmp/guest"
cd /tmp/code
setsid nohup python3 session.py /tmp/data /tmp/start.npz "$2" --until "$1" $GUEST \
    --pid $(cat /tmp/render.pid) >/tmp/session.log 2>&1 </dev/null &
