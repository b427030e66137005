/** How a peer is started, by its name: "emilie:fp32", "diffusers:bf16+channels-last", "sd.cpp:f16+flash". */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface PeerSettings {
  /** A folder, or a name that emilie knows; Python is given `folder`. */
  readonly model: string;
  readonly folder: string;
  readonly threads: number;
  readonly python: string;
  /** A Python that has stable-diffusion-cpp-python. */
  readonly sdCpp: string;
  readonly preset?: string | undefined;
  readonly memory?: string | undefined;
}

export type PeerCommand =
  | { readonly command: readonly [string, ...string[]] }
  /** Known, and not to be had here. */
  | { readonly reason: string }
  /** No such peer. */
  | { readonly wrong: string };

const HERE = fileURLToPath(new URL(".", import.meta.url));
const DTYPES: Readonly<Record<string, string>> = { fp32: "float32", bf16: "bfloat16" };
/** What may follow the precision, with a + before each. */
const EXTRAS = {
  diffusers: { "channels-last": "--channels-last", compile: "--compile" },
  "sd.cpp": { flash: "--flash" },
} as const;

export async function peerCommand(name: string, settings: PeerSettings): Promise<PeerCommand> {
  const [kind = "", rest = ""] = name.split(/:(.*)/s);
  const [precision = "", ...extras] = rest.split("+");
  if (precision === "") return { wrong: `${name} names no precision, as in emilie:fp32` };
  const { model, folder, threads, python, sdCpp } = settings;
  const all = ["--threads", String(threads)];
  if (kind === "emilie") {
    if (extras.length > 0) return { wrong: `${name}: emilie has no "+${extras[0]}"` };
    const { preset, memory } = settings;
    const given = Object.entries({ precision, preset, memory }).flatMap(([option, value]) =>
      value === undefined ? [] : [`--${option}`, value],
    );
    const script = join(HERE, "peer-emilie.ts");
    return { command: [process.execPath, "--import", "tsx", script, "--model", model, ...given, ...all] };
  }
  if (kind !== "diffusers" && kind !== "sd.cpp")
    return { wrong: `${name} is no peer; expected emilie:…, diffusers:… or sd.cpp:…` };
  const known: Readonly<Record<string, string>> = EXTRAS[kind];
  const wrong = extras.find((extra) => !(extra in known));
  if (wrong !== undefined)
    return { wrong: `${name}: expected ${Object.keys(known).join(" or ")} after +, got ${wrong}` };
  const options = ["--model", folder, ...all, ...extras.map((extra) => known[extra]!)];
  if (kind === "sd.cpp")
    return { command: [sdCpp, join(HERE, "peers/sdcpp_peer.py"), "--type", precision, ...options] };
  const dtype = DTYPES[precision];
  if (!dtype) return { wrong: `${name}: expected diffusers:fp32 or diffusers:bf16` };
  return { command: [python, join(HERE, "peers/diffusers_peer.py"), "--dtype", dtype, ...options] };
}
