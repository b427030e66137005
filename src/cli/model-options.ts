/** What several verbs are told about a model besides its name. */
import { InvalidArgumentError, Option } from "commander";
import { PRECISIONS } from "../checkpoint/derived.ts";
import { isEmilieError } from "../errors.ts";
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
    "how the UNet computes: fp32; fp32-fast, the same to about five digits; int8, fastest, results differ a little " +
      "(default: as the model's name says, else fp32)",
  ).choices(PRECISIONS);
}

/** --tokenizer FOLDER, for single files. */
export function tokenizerOption(): Option {
  return new Option(
    "--tokenizer <folder>",
    "for a single .safetensors file: a folder with its tokenizer, or a pulled OWNER/NAME",
  );
}
