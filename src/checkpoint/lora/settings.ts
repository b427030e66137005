/**
 * What peft notes of an adapter beside its tensors: in the file's own metadata where diffusers saved it (each network's
 * settings under its name, or one adapter's without), or in adapter_config.json where peft did.
 */
import { EmilieError } from "../../errors.ts";
import { CONFIG_JSON } from "../../limits.ts";
import { parseJson } from "../../util/parse-json.ts";
import { type CheckpointSource, readJson } from "../source.ts";

/** Of one network. */
export interface AdapterSettings {
  readonly alpha?: number;
  /** The rank, for forms whose tensors do not show it. */
  readonly rank?: number;
  /** Alphas of modules that have their own, by the ends of their names ("^" before one: by all of it). */
  readonly alphas: readonly (readonly [string, number])[];
  /** alpha / √rank in the place of alpha / rank. */
  readonly rslora: boolean;
}

/** By network; "" where there is one adapter and no network's name. */
export type Settings = ReadonlyMap<string, AdapterSettings>;

type Json = Readonly<Record<string, unknown>>;

const METADATA = "lora_adapter_metadata";
const NETWORK = /^(unet|text_encoder|text_encoder_2)\.(.*)$/;
/** Starting points that change the weights below them, which a merge into the checkpoint's own would miss. */
const CHANGES_BASE = /^(pissa|olora|corda|loftq)/i;
const FORMS = ["LORA", "LOHA", "LOKR"];

/** peft's settings in the metadata of `path`, else in adapter_config.json beside it where `besides` says that it is peft's. */
export async function readAdapterSettings(
  source: CheckpointSource,
  path: string,
  metadata: Readonly<Record<string, string>>,
  besides: boolean,
): Promise<Settings> {
  const text = metadata[METADATA];
  if (text !== undefined) return settingsOf(parse(path, text), `${path}: ${METADATA}`);
  const config = path.replace(/[^/]*$/, "adapter_config.json");
  if (!besides || !(await source.exists(config))) return new Map();
  return settingsOf((await readJson(source, config)) as Json, `${config} beside ${path}`);
}

/** The alpha of a module, as peft's patterns give it. */
export function alphaOf({ alpha, alphas }: AdapterSettings, module: string): number | undefined {
  const own = alphas.find(([name]) =>
    name.startsWith("^") ? module === name.slice(1) : module === name || module.endsWith(`.${name}`),
  );
  return own?.[1] ?? alpha;
}

function parse(path: string, text: string): Json {
  return parseJson(text, CONFIG_JSON, (what, cause) => {
    return new EmilieError("checkpoint.malformed", `${path}: its ${METADATA} ${what}.`, { cause });
  }) as Json;
}

function settingsOf(json: Json, where: string): Settings {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new EmilieError("checkpoint.malformed", `${where} is not a JSON object.`);
  }
  const networks = new Map<string, Record<string, unknown>>();
  for (const [key, value] of Object.entries(json)) {
    const [, network = "", name = key] = NETWORK.exec(key) ?? [];
    networks.set(network, { ...networks.get(network), [name]: value });
  }
  return new Map(
    [...networks].map(([network, keys]) => [network, read(keys, where, network && `${network}.`)]),
  );
}

function read(keys: Json, where: string, prefix: string): AdapterSettings {
  const refuse = (key: string, expected: string) =>
    new EmilieError(
      "checkpoint.unsupported",
      `${where}: "${prefix}${key}" is ${JSON.stringify(keys[key])?.slice(0, 120)}; expected ${expected}.`,
    );
  const number = (key: string): number | undefined => {
    const value = keys[key] ?? undefined;
    if (value === undefined || (typeof value === "number" && Number.isFinite(value))) return value;
    throw refuse(key, "a number");
  };
  if (keys.peft_type != null && !FORMS.includes(String(keys.peft_type))) {
    throw refuse("peft_type", `one of ${FORMS.join(", ")}`);
  }
  if (keys.fan_in_fan_out === true) throw refuse("fan_in_fan_out", "false");
  if (CHANGES_BASE.test(String(keys.init_lora_weights))) {
    throw refuse(
      "init_lora_weights",
      "an adapter for the checkpoint's own weights (peft: save_pretrained with path_initial_model_for_weight_conversion)",
    );
  }
  if (keys.use_rslora === true && number("lora_alpha") === undefined) {
    throw refuse("use_rslora", "it with a lora_alpha");
  }
  return {
    alpha: number("lora_alpha") ?? number("alpha"),
    rank: number("r"),
    alphas: Object.entries((keys.alpha_pattern ?? {}) as object).map(([name, value]) => {
      if (/^\^?[\w.-]+$/.test(name) && typeof value === "number") return [name, value] as const;
      throw refuse("alpha_pattern", "modules' names with a number each");
    }),
    rslora: keys.use_rslora === true,
  };
}
