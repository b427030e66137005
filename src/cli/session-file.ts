/** Sessions on the command line: where one is saved, how one goes on, which node is meant. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Precision } from "../checkpoint/derived.ts";
import { isEmilieError } from "../errors.ts";
import type { Picture } from "../images/picture.ts";
import { type EditModel, isMadeWith } from "../method/edit-model.ts";
import type { LoraOption, NodeDevice } from "../models/load.node.ts";
import { nameVariant, parseModelName } from "../models/open.node.ts";
import { readContainer } from "../session/file/container.node.ts";
import { loadModelOf } from "../session/file/model-source.node.ts";
import { type LoadSessionOptions, loadSession, type StoredSession } from "../session/file/store.node.ts";
import { openSession } from "../session/open.node.ts";
import { type OpenOptions, resolveWorkingSize, workingSide } from "../session/picture/original.ts";
import { matchNodes } from "../session/script/find-node.ts";
import { onOneLine } from "../session/script/printable.ts";
import type { Node } from "../session/session.ts";
import { pictureId } from "../session/session.ts";
import { UsageError } from "./errors.ts";
import { loadTold, told } from "./load.ts";
import type { Output } from "./output.ts";

export function isSessionFile(path: string): boolean {
  return path.toLowerCase().endsWith(".emilie");
}

interface ModelFlags {
  readonly model?: string;
  readonly lora?: readonly LoraOption[];
  readonly tokenizer?: string;
  readonly vae?: string;
  readonly variant?: string;
  readonly device?: NodeDevice;
  readonly precision?: Precision;
}

/** Opens a saved session and says what is damaged in it. Whoever calls disposes of its model. */
export async function continueSession(
  file: string,
  flags: ModelFlags,
  output: Output,
  options: LoadSessionOptions = {},
): Promise<StoredSession> {
  const { model, lora, tokenizer, vae, variant, device, precision } = flags;
  if (model === undefined && (lora ?? tokenizer ?? vae ?? variant ?? precision) !== undefined) {
    throw new UsageError(
      "--lora, --variant, --tokenizer, --vae and --precision belong to a --model; without one, the session's own is used.",
    );
  }
  const given = model === undefined ? undefined : await givenModel(file, { ...flags, model }, output);
  try {
    const load = (watch: LoadSessionOptions) =>
      loadSession(file, { ...options, ...watch, model: given, device });
    const session = await (given ? load({}) : told(output, load));
    for (const { message } of session.warnings) output.warn(message);
    return session;
  } catch (error) {
    await given?.dispose();
    throw error;
  }
}

/** --model in place of the session's own, which has the same LoRAs and precision where no others are named: it must be the same model. */
async function givenModel(
  file: string,
  { model, lora, tokenizer, vae, variant, device, precision }: ModelFlags & { readonly model: string },
  output: Output,
): Promise<EditModel> {
  const named = parseModelName(model);
  const loras = [...named.loras, ...(lora ?? [])];
  const given = {
    base: nameVariant(named.base, variant),
    loras: loras.length > 0 ? loras : undefined,
    precision: precision ?? named.precision,
    tokenizer,
    vae: vae ?? named.vae,
  };
  const { manifest } = await readContainer(file);
  return told(output, (watch) => loadModelOf(manifest, file, given, { device, ...watch }));
}

/**
 * A session on a picture, and the file it is saved in. Where that file holds a session of the same picture and model, the
 * new edits join it, and what it has computed is not computed again.
 */
export async function beginSession(
  picture: Picture,
  flags: ModelFlags & Pick<OpenOptions, "workingSize"> & { readonly session?: string; readonly out: string },
  output: Output,
): Promise<{ session: StoredSession; file: string }> {
  const { lora, tokenizer, vae, variant, device, precision } = flags;
  const how = { lora, tokenizer, vae, variant, device, precision };
  const model = await loadTold(flags.model ?? "picturebook", how, output);
  try {
    const asked = { picture, model, workingSize: flags.workingSize };
    const file = flags.session ?? (await freeFile(flags.out, asked, output));
    const session = existsSync(file) ? await joinSession(file, asked, output) : null;
    return {
      session: session ?? (await openSession(model, picture, { workingSize: flags.workingSize })),
      file,
    };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

/** What a session is to be of. */
interface Asked extends Pick<OpenOptions, "workingSize"> {
  readonly picture: Picture;
  readonly model: EditModel;
}

async function joinSession(file: string, asked: Asked, output: Output): Promise<StoredSession> {
  if (!(await fits(file, asked))) {
    throw new UsageError(
      `--session ${file}: there is a session of another picture, model or working size. Choose another name.`,
    );
  }
  const { model, picture } = asked;
  const session = await loadSession(file, { model, original: picture });
  for (const { message } of session.warnings) output.warn(message);
  session.head = session.root;
  return session;
}

/** session.emilie, or where another picture's session has that name, session-2.emilie and so on. */
async function freeFile(out: string, asked: Asked, output: Output): Promise<string> {
  for (let n = 1; ; n++) {
    const file = join(out, n === 1 ? "session.emilie" : `session-${n}.emilie`);
    if (!existsSync(file) || (await fits(file, asked))) {
      if (n > 1) output.note(`${out} contains a session of another picture; this one is saved as ${file}.`);
      return file;
    }
  }
}

async function fits(file: string, { picture, model, workingSize }: Asked): Promise<boolean> {
  try {
    const { manifest } = await readContainer(file);
    const sameModel = isMadeWith(model, manifest.model.fingerprint);
    const side = workingSide(model, picture, resolveWorkingSize(model, picture, workingSize));
    const sameSize = manifest.workingSize === side;
    return sameModel && sameSize && manifest.nodes[0]!.id === (await pictureId(picture));
  } catch (error) {
    if (isEmilieError(error) && error.code.startsWith("session.")) return false;
    throw error;
  }
}

/** Saves the session with a node that was just made, and warns where its drift asks for it. */
export async function saveNode(
  session: StoredSession,
  node: Node,
  file: string,
  output: Output,
): Promise<void> {
  const { warnings } = await session.drift(node);
  await session.save(file, { onChange: "merge" });
  for (const warning of warnings) output.warn(`${onOneLine(node.instruction)}: ${warning}`);
}

/** The node that a person means: "original", a name, or the beginning of an id. */
export function findNode<T extends { readonly id: string; readonly name?: string; readonly parent: unknown }>(
  nodes: Iterable<T>,
  meant: string,
  option = "--from",
): T {
  const matches = matchNodes(nodes, meant);
  if (matches.length === 1) return matches[0]!;
  const problem = matches.length === 0 ? "no node is called so" : `${matches.length} nodes match`;
  throw new UsageError(`${option} ${meant}: ${problem}. emilie show lists the ids and names.`);
}
