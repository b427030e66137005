/** A place drawn without a pointer: a frame that arrow keys move and resize, and Enter adds to the mask. */
import { useEffect, useRef } from "react";
import { box } from "../painting/layer.ts";
import { beginNext } from "../state/asked.ts";
import { operate } from "../state/mask.ts";
import { get, set, useStudio } from "../state/store.ts";
import type { Frame } from "../state/types.ts";
import { t } from "../words/index.ts";
import { useCamera } from "./camera.ts";

export const FIRST_FRAME: Frame = { x: 0.375, y: 0.375, width: 0.25, height: 0.25 };
const STEP = 0.025;
const LEAST = 0.025;

const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function KeyFrame() {
  const frame = useStudio((s) => s.frame);
  const { view, picture } = useCamera();
  const element = useRef<HTMLDivElement>(null);
  const shown = frame !== null;
  useEffect(() => {
    if (shown) element.current?.focus();
  }, [shown]);
  if (!frame) return null;
  const [w, h] = [picture.width * view.scale, picture.height * view.scale];
  return (
    <div
      ref={element}
      className="key-frame"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application of arrow keys, which has to have the focus
      tabIndex={0}
      aria-label={t.keyPlace(Math.round(frame.x * picture.width), Math.round(frame.y * picture.height))}
      style={{
        left: view.x + frame.x * w,
        top: view.y + frame.y * h,
        width: frame.width * w,
        height: frame.height * h,
      }}
      onBlur={() => set({ frame: null })}
      onKeyDown={(event) => {
        const arrow = ARROWS[event.key];
        event.stopPropagation();
        if (arrow) {
          event.preventDefault();
          set({ frame: moved(frame, arrow, event.shiftKey) });
        } else if (event.key === "Enter") {
          event.preventDefault();
          add(frame, event.altKey);
          close();
        } else if (event.key === "Escape") close();
      }}
    />
  );
}

function close(): void {
  set({ frame: null });
  document.querySelector<HTMLElement>(".stage canvas")?.focus();
}

function moved({ x, y, width, height }: Frame, [dx, dy]: readonly [number, number], resize: boolean): Frame {
  const within = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));
  if (resize) {
    const size = {
      width: within(width + dx * STEP, LEAST, 1 - x),
      height: within(height + dy * STEP, LEAST, 1 - y),
    };
    return { x, y, ...size };
  }
  return { x: within(x + dx * STEP, 0, 1 - width), y: within(y + dy * STEP, 0, 1 - height), width, height };
}

function add({ x, y, width, height }: Frame, erase: boolean): void {
  const { session } = get();
  if (!session) return;
  beginNext();
  const [w, h] = [session.width, session.height];
  operate((layer) => box(layer, { x: x * w, y: y * h }, { x: (x + width) * w, y: (y + height) * h }, erase));
}
