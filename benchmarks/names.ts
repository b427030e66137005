/** What `npm run bench -- NAME` may be. */

/** By name: the file, and what it is for. */
export const BENCHMARKS: Readonly<Record<string, readonly [file: string, purpose: string]>> = {
  unet: ["unet", "time and memory of one UNet call"],
  vae: ["vae", "time and memory of the VAE, whole and in tiles"],
  edit: ["edit", "time of an edit from picture to picture, cold and warm"],
  chain: ["chain", "whether an edit costs more the deeper its history is"],
  window: ["window", "local edits on a window against the whole picture"],
  detail: ["detail", "what detail transfer gains on large pictures"],
  "detail-photos": ["detail-photos", "detail transfer on photographs against other methods"],
  photographs: [
    "photographs",
    "compositing, gate, windows and detail on photographs, without weights for them",
  ],
  fullsize: ["fullsize", "an edit with a checkpoint of published size: time, memory, disk"],
  klein: ["klein", "FLUX.2 klein 4B at full size with random weights: time of each part, memory"],
  dreamlite: ["dreamlite", "DreamLite mobile at full size with random weights: time of each part, memory"],
  "qwen3-vl": ["qwen3-vl", "DreamLite's text encoder at full size: the shares of picture and text"],
  "few-steps": ["few-steps", "an edit in four steps with a tiny autoencoder against the preset draft"],
  "first-run": ["first-run", "what the first load of a full-size UNet costs and reports"],
  photos: [
    "photos",
    "photographs, ten edits deep: latent against image iteration, on a sheet and in a table",
  ],
  presets: ["presets", "quality and cost of the presets and of single settings"],
  peers: ["peers", "the same work by emilie, diffusers and stable-diffusion.cpp"],
  server: ["server-load", "many clients at once on one server"],
  scale: ["scale", "many servers and workers on one database, and what is killed among them"],
  picturebook: ["eval-picturebook", "the shipped checkpoint against exact results"],
  clip: ["eval-clip", "the shipped CLIP on held-out captions"],
  select: [
    "select",
    "what a click finds in drawn scenes against the exact truth, and its time at 12 megapixels",
  ],
  selections: ["selections", "what a click selects in photographs, as one picture"],
  "contact-sheet": ["contact-sheet", "held-out edits as one picture"],
  compare: ["compare-runs", "paired differences between runs of emilie bench"],
  compact: ["compact-results", "a run's results made small enough to commit"],
  figures: ["report-figures", "figures and tables of a run"],
  "speed-report": ["speed-report", "docs/results/speed.md from recorded runs"],
  eye: ["eye", "how far the rules of success agree with pictures judged by eye"],
  "check-claims": ["check-claims", "the numbers in docs/results against the committed files"],
};
