/**
 * Where the hub and its cache are, by the environment variables that huggingface_hub reads (constants.py there), so that
 * both find the same files: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { EmilieError } from "../../errors.ts";

export const DEFAULT_ENDPOINT = "https://huggingface.co";

type Environment = Readonly<Record<string, string | undefined>>;

/** The web address of the hub, without a slash at its end. Throws "option.invalid". */
export function hubEndpoint(env: Environment = process.env, given?: string): string {
  const text = (given ?? env.HF_ENDPOINT ?? "").trim() || DEFAULT_ENDPOINT;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "") {
    throw new EmilieError(
      "option.invalid",
      `HF_ENDPOINT is ${JSON.stringify(text)}; expected an address such as ${DEFAULT_ENDPOINT}.`,
    );
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

/** HF_HOME: what the Python tools share, the token among it. */
export function hubHome(env: Environment = process.env): string {
  const cache = env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return place(env.HF_HOME || join(cache, "huggingface"), env);
}

/** The folder of models--OWNER--NAME folders. */
export function hubCache(env: Environment = process.env): string {
  return place(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(hubHome(env), "hub"), env);
}

export interface HubToken {
  readonly token: string;
  /** The variable or file that it comes from; the token itself is never shown. */
  readonly from: string;
}

/** The token to present to the hub: HF_TOKEN, or the file that `hf auth login` writes. Null where there is none. */
export function hubToken(env: Environment = process.env): HubToken | null {
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return null;
  for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
    const token = env[name]?.trim();
    if (token) return { token: checkToken(token, name), from: name };
  }
  const file = place(env.HF_TOKEN_PATH || join(hubHome(env), "token"), env);
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch {
    return null; // nobody has logged in
  }
  return text ? { token: checkToken(text, file), from: file } : null;
}

/** A token goes into a header; what cannot must not reach an error message of the platform, which would quote it. */
export function checkToken(token: string, from: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new EmilieError(
    "option.invalid",
    `The hub token in ${from} has spaces or other characters that no token has. Copy it again.`,
  );
}

export function hubOffline(env: Environment = process.env): boolean {
  return isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE);
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ["1", "ON", "YES", "TRUE"].includes(value.toUpperCase());
}

/** A path with ~ and $NAME in it, as huggingface_hub understands them. */
function place(path: string, env: Environment): string {
  const home = path.replace(/^~(?=$|[/\\])/, () => homedir());
  const whole = home.replace(/\$(?:(\w+)|\{(\w+)\})/g, (text, plain, braced) => env[plain ?? braced] ?? text);
  return resolve(whole);
}
