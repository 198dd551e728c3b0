#!/bin/bash
# On the lent machine, before TensorFlow is there: PART holds pkg, code, cuda and start.npz.
# Puts them to /tmp and begins to render. bash first.sh PART [GUEST]
# GUEST: a folder of something else that shares the card, with run.sh and maybe prepare.sh.
set -e
PART=$(realpath "$1")
GUEST=$(realpath -m "${2:-none}")
date +%s.%N
cp -r "$PART/pkg" "$PART/code" "$PART/cuda" "$PART/start.npz" /tmp/
xz -d /tmp/cuda/bin/ptxas.xz; chmod +x /tmp/cuda/bin/ptxas
mkdir -p /tmp/data /tmp/guest_data
export PYTHONPATH=/tmp/pkg OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
cd /tmp/code
setsid nohup nice -n 15 python3 render.py /tmp/data --size 256x384 --count 24000 \
    --processes 8 --seed 7 >/tmp/render.log 2>&1 </dev/null &
echo $! >/tmp/render.pid
if [ -d "$GUEST" ]; then
    cp -r "$GUEST" /tmp/guest
    cd /tmp/guest
    [ -e prepare.sh ] && CORES=6 OUT=/tmp/guest_data setsid nohup nice -n 10 \
        bash prepare.sh >/tmp/prepare.log 2>&1 </dev/null &
    echo $! >/tmp/prepare.pid
fi
sleep 4
ls /tmp/data /tmp/guest_data
cat /tmp/render.log /tmp/prepare.log 2>/dev/null
nproc; free -g | head -2; nvidia-smi --query-gpu=name,memory.total,memory.used --format=csv,noheader || true
which nvlink nvidia-cuda-mps-control || true
