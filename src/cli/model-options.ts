/** Options about a model, besides its name, that several commands share. */
import { InvalidArgumentError, Option } from "commander";
import { PRECISIONS } from "../checkpoint/derived.ts";
import { isEmilieError } from "../errors.ts";
import type { Device } from "../method/edit-model.ts";
import { NODE_DEVICES } from "../models/load.node.ts";
import { type LoraOption, parseLora } from "../models/open.node.ts";

/** --lora FILE or FILE=WEIGHT, repeatable. */
export function loraOption(): Option {
  return new Option(
    "--lora <file[=weight]>",
    "a LoRA (.safetensors) to merge into the model, as in style.safetensors=0.8; repeatable",
  ).argParser((text: string, before: readonly LoraOption[] = []) => {
    try {
      return [...before, parseLora(text)];
    } catch (error) {
      if (isEmilieError(error)) throw new InvalidArgumentError(error.message);
      throw error;
    }
  });
}

/** --precision MODE. */
export function precisionOption(): Option {
  return new Option(
    "--precision <mode>",
    "precision of denoiser and VAE: fp32; fp32-fast, equal to about five digits; int8, fastest, results differ slightly; " +
      "int4, smallest, for architectures that have it; fp16, with --device webgpu or auto (default: the one in the model's name, else fp32; serve and studio: the one marked * by emilie models)",
  ).choices(PRECISIONS);
}

const FITS = ["check", "ignore"];

/** --fit MODE, for every verb that loads a model: EMILIE_FIT for this process and for those that it starts. */
export function fitOption(): Option {
  const option = new Option(
    "--fit <mode>",
    "check: a model that cannot fit this machine's memory or disk is refused before its weights are read; ignore: it is loaded nevertheless (default: $EMILIE_FIT, else check)",
  ).argParser((text: string) => {
    if (!FITS.includes(text)) throw new InvalidArgumentError(`Allowed choices are ${FITS.join(", ")}.`);
    process.env.EMILIE_FIT = text;
    return text;
  });
  option.argChoices = FITS;
  return option;
}

/** --variant NAME, for every verb that takes a model. */
export function variantOption(): Option {
  return new Option(
    "--variant <name>",
    "which weights to use if a folder has several: full, fp16, bf16, non_ema, … as in OWNER/NAME:fp16 (default: full precision, or half if there is no other)",
  );
}

/** --tokenizer FOLDER, for single files. */
export function tokenizerOption(): Option {
  return new Option(
    "--tokenizer <folder>",
    "for a single .safetensors file: a folder with its tokenizer, or a pulled OWNER/NAME",
  );
}

/** --vae PATH, for every verb that loads a model. */
export function vaeOption(): Option {
  return new Option(
    "--vae <path>",
    "a tiny autoencoder (TAESD, TAESDXL; a folder or a .safetensors file) instead of the model's VAE: much faster, less exact in fine detail",
  );
}

/** --device NAME, for every verb that loads a model. */
export function deviceOption(): Option {
  return new Option(
    "--device <name>",
    "where the networks run: cpu; webgpu or cuda, on the GPU; auto, on a GPU if it passes a self-test (default: cpu)",
  ).choices(NODE_DEVICES);
}

/** "the CPU (cpu). No GPU was found on this machine: …" */
export function sayDevice(device: Device | undefined): string {
  if (!device) return "nothing: every result already existed.";
  const onGpu = device.name === "webgpu" || device.name === "cuda";
  const where = `${onGpu ? "the GPU" : "the CPU"} (${device.name})`;
  return device.reason ? `${where}. ${device.reason}` : `${where}.`;
}
