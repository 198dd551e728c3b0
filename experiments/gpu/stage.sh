#!/bin/bash
# What travels to a lent card first: bash experiments/gpu/stage.sh OUT START.npz
# OUT/first holds the package, these scripts, XLA's compiler and the weights to start from.
# pack_tensorflow.py and pack_pictures.py make the other parts.
set -e
OUT=$1/first
START=$2
HERE=$(dirname "$(realpath "$0")")
ROOT=$(realpath "$HERE/../..")
mkdir -p "$OUT/pkg" "$OUT/code" "$OUT/cuda/bin" "$OUT/cuda/nvvm/libdevice"
git -C "$ROOT" archive HEAD deblurgan_tf assets/fonts experiments/plates_paper \
    pyproject.toml | tar -x -C "$OUT/pkg"
[ -e "$HERE/banks.npz" ] || python "$HERE/banks.py"
cp "$HERE"/*.py "$HERE"/*.yaml "$HERE"/*.sh "$HERE/banks.npz" "$OUT/code/"
cp "$START" "$OUT/start.npz"
# The compiler that TensorFlow's wheel is made for; the machine's own is of CUDA 13.
WHEEL=$(mktemp -d)
pip download -q --no-deps --only-binary=:all: --platform manylinux_2_17_x86_64 \
    --platform manylinux2014_x86_64 -d "$WHEEL" nvidia-cuda-nvcc-cu12==12.9.86
(cd "$WHEEL" && unzip -q ./*.whl && xz -6 -T0 nvidia/cuda_nvcc/bin/ptxas)
cp "$WHEEL/nvidia/cuda_nvcc/bin/ptxas.xz" "$OUT/cuda/bin/"
cp "$WHEEL/nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc" "$OUT/cuda/nvvm/libdevice/"
rm -r "$WHEEL"
du -sm "$OUT"
