/** What several verbs are told about a model besides its name. */
import { InvalidArgumentError, Option } from "commander";
import { PRECISIONS } from "../checkpoint/derived.ts";
import { isEmilieError } from "../errors.ts";
import { NODE_DEVICES } from "../models/load.node.ts";
import type { Device } from "../models/model.ts";
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
    "how UNet and VAE compute: fp32; fp32-fast, the same to about five digits; int8, fastest, results differ a little; " +
      "fp16, with --device webgpu or auto (default: as the model's name says, else fp32)",
  ).choices(PRECISIONS);
}

/** --variant NAME, for every verb that takes a model. */
export function variantOption(): Option {
  return new Option(
    "--variant <name>",
    "which weights, where a folder has several: full, fp16, bf16, non_ema, … as in OWNER/NAME:fp16 (default: full, and half where that is all there is)",
  );
}

/** --tokenizer FOLDER, for single files. */
export function tokenizerOption(): Option {
  return new Option(
    "--tokenizer <folder>",
    "for a single .safetensors file: a folder with its tokenizer, or a pulled OWNER/NAME",
  );
}

/** --device NAME, for every verb that loads a model. */
export function deviceOption(): Option {
  return new Option(
    "--device <name>",
    "where the networks run: cpu; webgpu or cuda, on the graphics card; auto, on a card that passes a trial (default: cpu)",
  ).choices(NODE_DEVICES);
}

/** "the processor (cpu): no card was found." */
export function sayDevice(device: Device | undefined): string {
  if (!device) return "nothing: all of it was there already.";
  const onCard = device.name === "webgpu" || device.name === "cuda";
  const where = `${onCard ? "the graphics card" : "the processor"} (${device.name})`;
  return device.reason ? `${where}. ${device.reason}` : `${where}.`;
}
