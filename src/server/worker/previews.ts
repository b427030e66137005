/** What a running edit shows: progress after every step, and now and then a small picture of where it is going. */
import { encodePreview, shrinkPicture } from "../../images/encode.node.ts";
import type { Mask } from "../../images/mask.ts";
import type { StepListener } from "../../method/options.ts";
import type { StepEvent } from "../../samplers/types.ts";
import { preview } from "../../session/picture/preview.ts";
import type { Node, Session } from "../../session/session.ts";
import type { CallEvent } from "./protocol.ts";

/** Longer sides of previews, in pixels: enough for a canvas to show, a few ten kilobytes each. */
const PREVIEW_SIDE = 384;
/** A preview is decoded when the time since the last one is at least so many times what decoding takes. */
const PREVIEW_PAUSE = 2;

export interface Watch {
  /** Ends the edit that runs with its preview as the result. */
  readonly keep: () => boolean;
  readonly signal: AbortSignal;
  readonly send: (event: CallEvent) => void;
}

export interface Place {
  readonly session: Session;
  readonly from: Node;
  readonly mask: Mask | undefined;
  readonly edit: number;
  readonly edits: number;
  /** At most so many. */
  readonly previews: number;
}

/** `begun` is when the job began: the time left follows from all its steps so far. */
export function watcher({ keep, send, signal }: Watch, place: Place, begun: number): StepListener {
  const { edit, edits } = place;
  let left = place.previews;
  let [decoding, shown] = [0, Number.NEGATIVE_INFINITY];
  return async (event: StepEvent): Promise<"keep" | undefined> => {
    const { step, steps } = event;
    const done = edit * steps + step + 1;
    const secondsLeft = (((performance.now() - begun) / done) * (edits * steps - done)) / 1000;
    send({ type: "progress", step: step + 1, steps, edit, edits, secondsLeft });
    if (keep()) return "keep";
    const now = performance.now();
    if (left > 0 && step + 1 < steps && now - shown >= PREVIEW_PAUSE * decoding && !signal.aborted) {
      left--;
      send({ type: "preview", edit, step: step + 1, picture: await smallPreview(place, event) });
      shown = performance.now();
      decoding = shown - now;
    }
    // A person decides by the preview that this step has just shown.
    return keep() ? "keep" : undefined;
  };
}

async function smallPreview(
  { session, from, mask }: Place,
  { denoised, window }: StepEvent,
): Promise<string> {
  const over = await shrinkPicture(await from.render(), PREVIEW_SIDE);
  const { type, bytes } = await encodePreview(await preview(session, from, denoised, mask, { over, window }));
  return `data:${type};base64,${Buffer.from(bytes).toString("base64")}`;
}
