/**
 * A tokenizer's chat template: what of a conversation a language model was trained to read, as the text of one message is put before it by
 * Flux2KleinPipeline of diffusers (`apply_chat_template` with add_generation_prompt and without thinking).
 */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { asObject } from "../../checkpoint/parse-config.ts";
import { type CheckpointSource, missingFile, readJson, readLimited } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";
import { VOCABULARY_JSON } from "../../limits.ts";

/** Qwen3's has four thousand characters. */
const LONGEST = 1 << 16;

/** Gives the whole text that is tokenized. @throws EmilieError "checkpoint.unsupported" where the template refuses it */
export type ChatTemplate = (message: string) => string;

/**
 * Reads chat_template.jinja in `folder`, or where there is none what tokenizer_config.json has.
 *
 * @param special special tokens by their names in transformers ("eos_token"), which a template may write
 * @throws EmilieError "checkpoint.missing" where there is none, "checkpoint.malformed" and "checkpoint.unsupported" where it is none that can be used
 */
export async function readChatTemplate(
  source: CheckpointSource,
  folder: string,
  special: Readonly<Record<string, string>>,
): Promise<ChatTemplate> {
  const { path, text } = await textOf(source, folder);
  const refuse = (cause: unknown) =>
    new EmilieError(
      "checkpoint.unsupported",
      `${path} of ${source.id}: its chat template cannot be applied: ${(cause as Error).message}.`,
      { cause },
    );
  const program = tried(refuse, () => parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true })));
  const render: ChatTemplate = (message) =>
    tried(refuse, () => {
      const rendered = new Interpreter(environment(swapped(message, SWAPS), special)).run(program);
      return swapped(rendered.value as string, BACK);
    });
  render("");
  return render;
}

/**
 * What a template cuts off as white space is what Python does: U+0085 is white space there and not in JavaScript, U+FEFF the other way
 * round. So while a template runs, the one stands for the other, and a character that no text has for the other.
 */
const SWAPS: Readonly<Record<string, string>> = { "\u0085": "\ufeff", "\ufeff": "\ufdd0" };
const BACK = Object.fromEntries(Object.entries(SWAPS).map(([from, to]) => [to, from]));

function swapped(text: string, swaps: Readonly<Record<string, string>>): string {
  return text.replace(/[\u0085\ufeff\ufdd0]/g, (character) => swaps[character] ?? character);
}

function tried<T>(refuse: (cause: unknown) => EmilieError, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw refuse(cause);
  }
}

/** The variables of a template. It comes from strangers: nothing here lets it count, so it loops over what it is given and over nothing else. */
function environment(message: string, special: Readonly<Record<string, string>>): Environment {
  const env = new Environment();
  const values: Record<string, unknown> = {
    ...{ true: true, True: true, false: false, False: false, none: null, None: null },
    raise_exception: (problem: string) => {
      throw new Error(problem);
    },
    ...special,
    messages: [{ role: "user", content: message }],
    tools: null,
    documents: null,
    add_generation_prompt: true,
    enable_thinking: false,
  };
  for (const [name, value] of Object.entries(values)) env.set(name, value);
  return env;
}

async function textOf(source: CheckpointSource, folder: string): Promise<{ path: string; text: string }> {
  const at = (name: string) => (folder === "." ? name : `${folder}/${name}`);
  const file = at("chat_template.jinja");
  if (await source.exists(file)) return { path: file, text: await readLimited(source, file, LONGEST) };
  const path = at("tokenizer_config.json");
  const json = (await source.exists(path))
    ? asObject(await readJson(source, path, VOCABULARY_JSON), path).chat_template
    : undefined;
  if (json === undefined || json === null) throw missingFile(source.id, file);
  const text = Array.isArray(json) ? json.find((one) => one?.name === "default")?.template : json;
  if (typeof text === "string" && text.length <= LONGEST) return { path, text };
  throw new EmilieError(
    "checkpoint.malformed",
    `${path} of ${source.id}: "chat_template" is no text of at most ${LONGEST} characters, and no list with one named "default".`,
  );
}
