/** An edit for OpenAI's API: a session of its own, or one that is named; one job; its pictures as they were asked for. */
import { EmilieError, type ErrorCode } from "../../errors.ts";
import { convertPicture, coverPicture } from "../../images/encode.node.ts";
import { keepMask } from "../mask-files.ts";
import type { Parts } from "../parts.ts";
import type { Job } from "../queue/queue.ts";
import type { EditWork } from "../queue/work.ts";
import type { ServerEvent } from "../schemas/index.ts";
import { createSession, deleteSession, pictureOf } from "../sessions.ts";
import type { SessionRecord } from "../store/store.ts";
import { pathOf } from "../store/tree.ts";
import { type OpenAIRequest, ParameterError } from "./request.ts";

/** Sessions nobody asked for: gone when the answer is, or when its links have had their time. */
const LINK_LIFETIME_MS = 60 * 60 * 1000;
/** What programs that know only OpenAI call their model. They get the one that is selected. */
const OPENAI_NAMES = /^(gpt-image|chatgpt-image|dall-e)/;

export interface Edit {
  readonly job: Job;
  readonly session: string;
  /** The first variation's; the others count on from it. */
  readonly seed: bigint;
  /** Deletes the session, where nobody is to keep it. */
  readonly dispose: () => Promise<void>;
}

export async function beginEdit(parts: Parts, { parameters, image, mask }: OpenAIRequest): Promise<Edit> {
  const { store, queue, dispatcher } = parts;
  const { prompt, n, stream, partial_images: partial, steps, response_format: format } = parameters;
  const { session, temporary } = await sessionFor();
  const { id } = session.info;
  const dispose = async () => {
    if (temporary && format !== "url") await deleteSession(parts, id);
  };
  try {
    const from = parameters.from ?? session.manifest.head;
    const seed = BigInt(parameters.seed ?? pathOf(session.manifest, from).length - 1);
    const work: EditWork = {
      kind: "edit",
      from,
      instruction: prompt,
      mask: mask && { id: await keepOpenAIMask(mask, session) },
      regions: [],
      settings: { seed: `${seed}`, ...(steps ? { steps } : {}) },
      variations: n ?? 1,
      previews: stream ? (partial ?? 0) : 0,
      moveHead: (n ?? 1) === 1,
    };
    const job = await queue.add(id, work);
    dispatcher.wake();
    return { job, session: id, seed, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }

  async function sessionFor(): Promise<{ session: SessionRecord; temporary: boolean }> {
    if (parameters.session && parameters.session !== "new") {
      return { session: await store.read(parameters.session), temporary: false };
    }
    const temporary = parameters.session !== "new";
    const created = await createSession(parts, {
      picture: image!,
      name: "",
      model: await modelFor(parts, parameters.model),
      lifetime: temporary ? LINK_LIFETIME_MS : undefined,
    });
    return { session: created, temporary };
  }

  /** Transparent = edit. */
  async function keepOpenAIMask(bytes: Uint8Array, { info, manifest }: SessionRecord): Promise<string> {
    const { id, given, coverage } = await keepMask(parts, info.id, { upload: bytes, channel: "alpha" });
    const { width, height } = manifest.picture;
    if (given.width !== width || given.height !== height) {
      const sizes = `${given.width}x${given.height}, the image ${width}x${height}`;
      throw new ParameterError("mask", `The mask must have the image's size, got ${sizes}.`, "invalid_mask");
    }
    if (coverage === 0) {
      throw new ParameterError(
        "mask",
        "The mask has no transparent pixels, so nothing could be edited.",
        "invalid_mask",
      );
    }
    return id;
  }
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
  readonly quality: number | undefined;
  /** Null: the picture's own. */
  readonly size: readonly [number, number] | null;
}

export function shapeOf({ output_format, output_compression, size }: OpenAIRequest["parameters"]): Shape {
  const sides = size && size !== "auto" ? size.split("x").map(Number) : null;
  if (sides && !sides.every((side) => side >= 16 && side <= 4096)) {
    throw new ParameterError("size", `Invalid value for 'size': sides from 16 to 4096, got ${size}.`);
  }
  return {
    format: output_format ?? "png",
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

export async function reshape(png: Uint8Array, { format, quality, size }: Shape): Promise<Uint8Array> {
  return convertPicture(size ? await coverPicture(png, ...size) : png, { format, quality });
}
