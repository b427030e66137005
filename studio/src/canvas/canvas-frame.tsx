/**
 * The canvas of the picture, changed by handles: a frame inside it is cut out, one around it adds room. A finger, a mouse, a pen and the
 * arrow keys move an edge; Enter applies it, Escape leaves.
 */
import { Check, X } from "lucide-react";
import { type PointerEvent as ReactPointerEvent, useEffect, useRef } from "react";
import { applyCanvas, type CanvasBox, changesCanvas, moveEdges } from "../state/canvas.ts";
import { chooseTool } from "../state/mask.ts";
import { useStudio } from "../state/store.ts";
import { t } from "../words/index.ts";
import { useCamera } from "./camera.ts";
import { toPicture } from "./viewport.ts";

type Side = "left" | "top" | "right" | "bottom";
const SIDES: readonly Side[] = ["left", "top", "right", "bottom"];
const HANDLES: readonly (readonly Side[])[] = [
  ...SIDES.map((side) => [side]),
  ...[
    ["left", "top"],
    ["right", "top"],
    ["right", "bottom"],
    ["left", "bottom"],
  ].map((corner) => corner as Side[]),
];
const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function CanvasFrame() {
  const box = useStudio((s) => s.canvas);
  const busy = useStudio((s) => s.job !== null);
  const { view, picture } = useCamera();
  const frame = useRef<HTMLDivElement>(null);
  const kind = box?.kind;
  useEffect(() => {
    if (kind) frame.current?.querySelector<HTMLElement>("[data-side='right']")?.focus();
  }, [kind]);
  if (!box) return null;
  const place = {
    left: view.x + box.x * view.scale,
    top: view.y + box.y * view.scale,
    width: box.width * view.scale,
    height: box.height * view.scale,
  };
  const whole = {
    left: view.x,
    top: view.y,
    width: picture.width * view.scale,
    height: picture.height * view.scale,
  };
  const ready = changesCanvas(box, picture) && !busy;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys of the controls within
    <div
      className="canvas-tool"
      data-kind={box.kind}
      onKeyDown={(event) => {
        if (event.key === "Escape") chooseTool("move");
        else if (event.key === "Enter" && ready) void applyCanvas();
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      {box.kind === "crop" && (
        <div className="canvas-shade" style={{ ...whole, clipPath: hole(box, view.scale) }} />
      )}
      {box.kind === "expand" && <div className="canvas-room" style={place} />}
      <div ref={frame} className="canvas-frame" style={place}>
        {HANDLES.map((sides) => (
          <Handle key={sides.join("-")} sides={sides} box={box} />
        ))}
      </div>
      <div className="floating canvas-bar" role="group" aria-label={t.reframe[box.kind]}>
        <span className="number" data-testid="canvas-size">
          {box.width} × {box.height}
        </span>
        <button type="button" className="text-button" onClick={() => chooseTool("move")}>
          <X size="1rem" strokeWidth={1.75} aria-hidden />
          {t.reframe.cancel}
        </button>
        <button type="button" className="button primary" disabled={!ready} onClick={() => void applyCanvas()}>
          <Check size="1rem" strokeWidth={1.75} aria-hidden />
          {t.reframe[box.kind]}
        </button>
      </div>
    </div>
  );
}

/** Everything but the frame. */
function hole({ x, y, width, height }: CanvasBox, scale: number): string {
  const [left, top, right, bottom] = [x, y, x + width, y + height].map((one) => `${one * scale}px`);
  return (
    `polygon(evenodd, 0 0, 100% 0, 100% 100%, 0 100%, 0 0, ${left} ${top}, ${left} ${bottom}, ` +
    `${right} ${bottom}, ${right} ${top}, ${left} ${top})`
  );
}

/** An edge is moved by keys as well; a corner, which is two of them, by a pointer only. */
function Handle({ sides, box }: { sides: readonly Side[]; box: CanvasBox }) {
  const [side] = sides as readonly [Side];
  const isEdge = sides.length === 1;
  const stage = (event: ReactPointerEvent) =>
    event.currentTarget.closest(".stage")!.querySelector("canvas")!.getBoundingClientRect();
  const drag = (event: ReactPointerEvent) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const { left, top } = stage(event);
    const at = toPicture(useCamera.getState().view, { x: event.clientX - left, y: event.clientY - top });
    moveEdges(Object.fromEntries(sides.map((one) => [one, one === "left" || one === "right" ? at.x : at.y])));
  };
  return (
    <button
      type="button"
      className="canvas-handle"
      data-side={sides.join("-")}
      tabIndex={isEdge ? 0 : -1}
      aria-label={isEdge ? t.reframe.edge(t.reframe.sides[side], edgeOf(box, side)) : t.reframe.corner}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        event.currentTarget.focus();
        event.preventDefault();
      }}
      onPointerMove={drag}
      onKeyDown={(event) => {
        const arrow = ARROWS[event.key];
        if (!arrow || !isEdge) return;
        event.preventDefault();
        event.stopPropagation();
        const along = side === "left" || side === "right" ? arrow[0] : arrow[1];
        moveEdges({ [side]: edgeOf(box, side) + along * (event.shiftKey ? 10 : 1) });
      }}
    />
  );
}

/** Where an edge lies, in pixels of the picture. */
function edgeOf({ x, y, width, height }: CanvasBox, side: Side): number {
  return { left: x, top: y, right: x + width, bottom: y + height }[side];
}
