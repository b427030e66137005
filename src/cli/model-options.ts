/** What several verbs are told about a model besides its name. */
import { InvalidArgumentError, Option } from "commander";
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

/** --tokenizer FOLDER, for single files. */
export function tokenizerOption(): Option {
  return new Option(
    "--tokenizer <folder>",
    "for a single .safetensors file: a folder with its tokenizer, or a pulled OWNER/NAME",
  );
}
