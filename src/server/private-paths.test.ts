/** What clients are told of the host's paths. */
import { expect, it } from "vitest";
import { withoutPaths } from "./private-paths.ts";

it("is a path's last name", () => {
  const cases = {
    "EACCES: permission denied, open '/home/my user/.emilie/sessions/ab12/a.part'":
      "EACCES: permission denied, open '…/a.part'",
    "The data folder /srv/emilie/data cannot be used: full.": "The data folder …/data cannot be used: full.",
    '/srv/models/x/unet/config.json: "a" is unknown (see /srv/models/x/).':
      '…/config.json: "a" is unknown (see …/).',
    "C:\\Users\\me\\models\\x.safetensors is a LoRA": "…/x.safetensors is a LoRA",
    "ENOSPC: no space left on device, rename '/a/b/c' -> '/a/b/d'":
      "ENOSPC: no space left on device, rename '…/c' -> '…/d'",
  };
  for (const [message, plain] of Object.entries(cases)) expect(withoutPaths(message)).toBe(plain);
});

it("and everything else stays", () => {
  for (const message of [
    "There is nothing at GET /api/v1/sessions/abc. See /docs.",
    "Use http://127.0.0.1:7860/v1/images/edits, and/or owner/name:fp16, 3/4 of it.",
    'The model "timbrooks/instruct-pix2pix" is not available; unet/config.json is missing.',
    "Width × height: 512/512 (image/png).",
  ]) {
    expect(withoutPaths(message)).toBe(message);
  }
});
