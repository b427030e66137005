#!/usr/bin/env bash
# Everything that makes models/picturebook, in order. Each step resumes; minutes fit two CPU cores (a GPU needs fewer).
set -euo pipefail
cd "$(dirname "$0")"
python tokenizer.py
python train_vae.py --minutes "${VAE_MINUTES:-34}"
python data.py --scenes "${SCENES:-8000}" --rare "${RARE:-2000}"
python train_unet.py --minutes "${UNET_MINUTES:-110}" --ship
python tune_decoder.py --minutes "${DECODER_MINUTES:-16}"
python finish.py
python plot_logs.py
python train_clip.py --minutes "${CLIP_MINUTES:-12}"
python export_heldout.py
python export_imie.py
