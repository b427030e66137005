/** An edit for OpenAI's API: a session of its own, or one that is named; one job; its pictures as they were asked for. */
import { EmilieError, type ErrorCode, isEmilieError } from "../../errors.ts";
import { convertPicture, coverPicture } from "../../images/encode.node.ts";
import type { PresetName } from "../../method/presets.ts";
import { inJson, pickSettings } from "../../method/settings-derived.ts";
import { LINK_LIFETIME_MS } from "../links.ts";
import { keepMask, type NewMask } from "../mask-files.ts";
import type { Parts } from "../parts.ts";
import type { Job } from "../queue/queue.ts";
import type { EditWork } from "../queue/work.ts";
import { checkSeeds } from "../requests.ts";
import type { ServerEvent } from "../schemas/index.ts";
import { createSession, deleteSession, pictureOf } from "../sessions.ts";
import type { SessionRecord } from "../store/store.ts";
import { pathOf } from "../store/tree.ts";
import { sizesOf } from "../view.ts";
import { type OpenAIRequest, ParameterError } from "./request.ts";

/** A session whose edit was never answered, since the server was stopped. Long enough for any edit that waits for others. */
const UNANSWERED_LIFETIME_MS = 24 * 60 * 60 * 1000;
/** What programs that know only OpenAI call their model. They get the one that is selected. */
const OPENAI_NAMES = /^(gpt-image|chatgpt-image|dall-e)/;

/** How much is computed for what OpenAI calls quality; the others leave it to the model. */
const PRESET_OF: Partial<Record<NonNullable<OpenAIRequest["parameters"]["quality"]>, PresetName>> = {
  low: "draft",
  medium: "balanced",
  high: "best",
  hd: "best",
};

export interface Edit {
  readonly job: Job;
  readonly session: string;
  /** The first variation's; the others count on from it. */
  readonly seed: bigint;
  /** Whether nobody asked for the session. It is gone when the answer is, or when its links have had their time. */
  readonly temporary: boolean;
  /** Deletes the session, where nobody is to keep it. */
  readonly dispose: () => Promise<void>;
}

export async function beginEdit(
  parts: Parts,
  { parameters, image, mask }: OpenAIRequest,
  owner: string,
): Promise<Edit> {
  const { store, queue, dispatcher } = parts;
  const { prompt, n, stream, partial_images: partial } = parameters;
  const { session, temporary, warnings } = await sessionFor();
  const { id } = session.info;
  const dispose = async () => {
    if (temporary) await deleteSession(parts, id);
  };
  try {
    const from = parameters.from ?? session.manifest.head;
    const seed = BigInt(parameters.seed ?? pathOf(session.manifest, from).length - 1);
    checkSeeds(seed, n ?? 1);
    const kept = mask && (await keepOpenAIMask(mask, session));
    const preset = PRESET_OF[parameters.quality ?? "auto"];
    const work: EditWork = {
      kind: "edit",
      from,
      instruction: prompt,
      mask: kept && { id: kept.id },
      regions: [],
      settings: pickSettings({ ...parameters, seed: inJson(seed), preset }),
      variations: n ?? 1,
      previews: stream ? (partial ?? 0) : 0,
      moveHead: (n ?? 1) === 1,
      warnings: [...warnings, ...(kept?.warnings ?? []), ...warningsOn(parameters)],
    };
    const job = await queue.add(id, work, owner);
    dispatcher.wake();
    return { job, session: id, seed, dispose, temporary };
  } catch (error) {
    await dispose();
    throw error;
  }

  async function sessionFor(): Promise<OpenedSession> {
    if (parameters.session && parameters.session !== "new") {
      const known = await store.read(parameters.session);
      await refuseOtherModel(parts, parameters.model, known.info.model);
      const unread = image ? [`The image was not read: the edit goes on from session ${known.info.id}.`] : [];
      return { session: known, temporary: false, warnings: unread };
    }
    const temporary = parameters.session !== "new";
    const created = await createSession(parts, {
      picture: image!,
      name: "",
      model: await modelFor(parts, parameters.model),
      lifetime: temporary ? UNANSWERED_LIFETIME_MS : undefined,
    });
    return { session: created, temporary, warnings: created.warnings };
  }

  /** Transparent = edit. */
  async function keepOpenAIMask(upload: Uint8Array, { info, manifest }: SessionRecord): Promise<NewMask> {
    const nothing =
      "The mask has no transparent pixels, so nothing could be edited. What is transparent may change.";
    const wrong = (message: string) => new ParameterError("mask", message, "invalid_mask");
    try {
      const size = sizesOf(manifest).get(manifest.head)!;
      return await keepMask(parts, info.id, { upload, channel: "alpha" }, size, (made) => {
        const { given, width, height, resized, coverage } = made;
        const sizes = `${given.width}x${given.height}, the image ${width}x${height}`;
        if (resized) throw wrong(`The mask must have the image's size, got ${sizes}.`);
        if (coverage === 0) throw wrong(nothing);
      });
    } catch (error) {
      // A picture without alpha: here it is never read by its brightness.
      if (isEmilieError(error) && error.code === "mask.ambiguous") throw wrong(nothing);
      throw error;
    }
  }
}

/** A link is good for its time from the answer on, however long the edit took. */
export async function keepForLinks({ store }: Parts, { session, temporary }: Edit): Promise<void> {
  if (!temporary) return;
  await store.change(session, (draft) => {
    draft.info = { ...draft.info, expires: Date.now() + LINK_LIFETIME_MS };
  });
}

interface OpenedSession {
  readonly session: SessionRecord;
  readonly temporary: boolean;
  readonly warnings: readonly string[];
}

function warningsOn({ input_fidelity: fidelity }: OpenAIRequest["parameters"]): string[] {
  if (fidelity !== "low") return [];
  return [
    "input_fidelity has no effect: the picture is always kept where the instruction does not change it.",
  ];
}

/** A session belongs to the model that made it. @throws ParameterError */
async function refuseOtherModel(parts: Parts, name: string | null | undefined, own: string): Promise<void> {
  const wanted = await modelFor(parts, name);
  if (wanted === undefined || wanted === own) return;
  throw new ParameterError("model", `The session was made with ${own}, and cannot be edited with ${wanted}.`);
}

async function modelFor({ catalog }: Parts, name: string | null | undefined): Promise<string | undefined> {
  if (!name || OPENAI_NAMES.test(name)) return undefined;
  await catalog.resolve(name).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    throw new ParameterError("model", message, "model_not_found", 404);
  });
  return name;
}

/** Waits for the end of a job, and cancels it when the signal comes. @throws EmilieError with what it failed with */
export async function finish(
  { queue, dispatcher, events }: Parts,
  { job }: Edit,
  signal: AbortSignal,
  onEvent: (event: ServerEvent) => Promise<void> = async () => {},
): Promise<Job> {
  const listening = new AbortController();
  const cancel = () => void dispatcher.cancel(job.id).catch(() => {});
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const log = events.follow({ job: job.id }, undefined, listening.signal);
    // The generator listens from here on, so the job cannot end unheard.
    let next = log.next();
    for (let now = await queue.get(job.id); now.finished === null; ) {
      const { value } = await next;
      if (value) await onEvent(value.event);
      next = log.next();
      now = await queue.get(job.id);
    }
  } finally {
    listening.abort();
    signal.removeEventListener("abort", cancel);
  }
  const ended = await queue.get(job.id);
  if (ended.state === "done") return ended;
  const { code, message } = ended.error ?? { code: "aborted", message: "The edit was stopped." };
  throw new EmilieError(code as ErrorCode, message);
}

export interface Shape {
  readonly format: "png" | "jpeg" | "webp";
  /** 1 to 100; undefined: the format's own. */
  readonly quality: number | undefined;
  /** Whether what is transparent is laid on white. */
  readonly opaque: boolean;
  /** Null: the picture's own. */
  readonly size: readonly [number, number] | null;
}

export function shapeOf(given: OpenAIRequest["parameters"]): Shape {
  const { output_format, output_compression, size, background } = given;
  const sides = size && size !== "auto" ? size.split("x").map(Number) : null;
  if (sides && !sides.every((side) => side >= 16 && side <= 4096)) {
    throw new ParameterError("size", `Invalid value for 'size': sides from 16 to 4096, got ${size}.`);
  }
  return {
    format: output_format ?? "png",
    opaque: background === "opaque",
    quality: output_compression == null ? undefined : Math.max(1, output_compression),
    size: sides && [sides[0]!, sides[1]!],
  };
}

export async function resultPicture(
  parts: Parts,
  session: string,
  node: string,
  shape: Shape,
): Promise<Uint8Array> {
  return reshape(await pictureOf(parts, session, node), shape);
}

export async function reshape(png: Uint8Array, { size, ...form }: Shape): Promise<Uint8Array> {
  return convertPicture(size ? await coverPicture(png, ...size) : png, form);
}
