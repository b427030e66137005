/** Progress of an edit in the page, with previews. */
import { type Node, preview, type Session, type SessionEditOptions } from "../../../../src/web.ts";
import type { Call } from "../backend.ts";

/** Of the time between two previews, at most so much goes into decoding them. */
const PREVIEW_SHARE = 0.5;

/** Tells of every step, and shows previews as often as they do not hold the edit up. */
export function previewing(
  session: Session,
  from: Node,
  mask: SessionEditOptions["mask"] | undefined,
  { onProgress, signal, keep }: Call,
) {
  const place = typeof mask === "string" ? undefined : mask;
  let [free, cost] = [0, 0];
  return async ({
    step,
    steps,
    denoised,
    window,
  }: Parameters<NonNullable<SessionEditOptions["onProgress"]>>[0]) => {
    const now = performance.now();
    const due = step < 2 ? cost === 0 : now - free >= cost * (1 / PREVIEW_SHARE - 1);
    if (!onProgress || signal?.aborted || keep?.aborted || !due || step + 1 === steps) {
      onProgress?.({ step: step + 1, steps });
      return keep?.aborted ? ("keep" as const) : undefined;
    }
    const picture = await preview(session, from, denoised, place, { window });
    free = performance.now();
    cost = free - now;
    onProgress({ step: step + 1, steps, preview: picture });
    // The answer may have come while the preview was decoded: then it is what was meant.
    return keep?.aborted ? ("keep" as const) : undefined;
  };
}
