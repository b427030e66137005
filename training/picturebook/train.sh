#!/usr/bin/env bash
# Everything that makes models/picturebook, in order. Each step resumes; minutes fit two CPU cores (a GPU needs fewer).
set -euo pipefail
cd "$(dirname "$0")"
python tokenizer.py
python train_vae.py --minutes "${VAE_MINUTES:-34}"
python data.py --scenes "${SCENES:-5000}"
python train_unet.py --minutes "${UNET_MINUTES:-45}"
python finish.py
python export_heldout.py
