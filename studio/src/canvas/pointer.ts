/** Fingers, mouse and pen on the stage. */
import { box, EMPTY, fill, lasso, type Point, type Rect, stroke, union } from "../painting/layer.ts";
import { beginNext } from "../state/asked.ts";
import { currentPaint, operate, selectThing, touched } from "../state/mask.ts";
import { get } from "../state/store.ts";
import { PAINTING } from "../state/types.ts";
import { fitToScreen, move, useCamera, zoom } from "./camera.ts";
import { refresh } from "./veil.ts";
import { toPicture } from "./viewport.ts";

export interface Gesture {
  /** In CSS pixels of the canvas; null when the pointer is elsewhere. */
  cursor: Point | null;
  /** Of a box or lasso that is being drawn, in pixels of the picture. */
  outline: Point[];
  spaceHeld: boolean;
}

export const gesture: Gesture = { cursor: null, outline: [], spaceHeld: false };

type Action = "pan" | "paint" | "shape" | null;

/** Brush size is a share of the picture's longer side. */
export function brushRadius(): number {
  const { session, brush } = get();
  return session ? Math.max(0.5, (brush.size * Math.max(session.width, session.height)) / 2) : 1;
}

let trackpadUntil = 0;

/** Whether a wheel event comes from two fingers: small or slanted steps in pixels, and all that follow at once. */
function isTrackpad({ deltaX, deltaY, deltaMode, ctrlKey, timeStamp }: WheelEvent): boolean {
  if (ctrlKey || deltaMode !== 0) return false;
  const fine = deltaX !== 0 || !Number.isInteger(deltaY) || Math.abs(deltaY) < 40;
  if (fine) trackpadUntil = timeStamp + 300;
  return timeStamp <= trackpadUntil;
}

/** A finger or a click that stays where it is, in CSS pixels and milliseconds; two of them soon after each other. */
const TAP = { moved: 10, time: 300, apart: 40, between: 350 };

interface Tap {
  readonly at: Point;
  readonly time: number;
}

const distance = (a: Point, b: Point) => Math.hypot(a.x - b.x, a.y - b.y);

/** A click means what is under it, a drag what is in its box. */
function selectIn(a: Point, b: Point, erase: boolean): void {
  const { session } = get();
  if (!session) return;
  const moved = distance(a, b) * useCamera.getState().view.scale;
  const [x, y] = [Math.max(0, Math.min(a.x, b.x)), Math.max(0, Math.min(a.y, b.y))];
  if (moved < 5) void selectThing({ point: { x: Math.floor(a.x), y: Math.floor(a.y) } }, erase);
  else {
    const width = Math.min(session.width, Math.max(a.x, b.x)) - x;
    const height = Math.min(session.height, Math.max(a.y, b.y)) - y;
    void selectThing(
      { box: { x: Math.floor(x), y: Math.floor(y), width: Math.ceil(width), height: Math.ceil(height) } },
      erase,
    );
  }
}

/** Listens on the canvas; `redraw` is asked for a new frame. Returns how to stop. */
export function listen(canvas: HTMLCanvasElement, redraw: () => void): () => void {
  const pointers = new Map<number, Point>();
  /** A pen that draws: a palm that rests beside it is no finger. */
  let pen: number | null = null;
  let action: Action = null;
  let last: Point = { x: 0, y: 0 };
  let rect: Rect = EMPTY;
  let erasing = false;
  /** Where and when the only pointer came down, and the tap before. */
  let began: Tap | null = null;
  let tapped: Tap | null = null;

  const local = (event: PointerEvent | WheelEvent): Point => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const inPicture = (point: Point) => toPicture(useCamera.getState().view, point);

  const paintTo = (to: Point, pressure: number) => {
    const { brush, tool } = get();
    const own = currentPaint();
    const radius = brushRadius() * pressure;
    const changed = stroke(own.layer, last, to, {
      radius,
      softness: brush.softness,
      erase: tool === "eraser" || erasing,
    });
    refresh(own.layer, changed);
    rect = union(rect, changed);
    last = to;
  };

  const finish = (keep: boolean) => {
    if (action === "paint") {
      const { strokes, layer } = currentPaint();
      if (keep) strokes.end(rect);
      else strokes.cancel();
      if (!keep) refresh(layer, rect);
      touched();
    } else if (action === "shape" && keep && get().tool === "select") {
      const [a, b = a] = [gesture.outline[0]!, gesture.outline[2]];
      selectIn(a, b, erasing);
    } else if (action === "shape" && keep) {
      const { tool } = get();
      const [a, b] = [gesture.outline[0]!, gesture.outline[2] ?? gesture.outline[0]!];
      operate((layer) =>
        tool === "box" ? box(layer, a, b, erasing) : lasso(layer, gesture.outline, erasing),
      );
    }
    gesture.outline = [];
    action = null;
    redraw();
  };

  const down = (event: PointerEvent) => {
    canvas.focus({ preventScroll: true });
    if (pen !== null && event.pointerType === "touch") return;
    if (event.pointerType === "pen") {
      // What a palm has begun before the pen came was not meant.
      if (pointers.size > 0) finish(false);
      pointers.clear();
      pen = event.pointerId;
    }
    const at = local(event);
    began = pointers.size === 0 ? { at, time: event.timeStamp } : null;
    pointers.set(event.pointerId, at);
    canvas.setPointerCapture(event.pointerId);
    if (pointers.size === 2) {
      // A second finger: this was no stroke, but the beginning of a pinch.
      finish(false);
      return;
    }
    if (pointers.size > 2) return;
    const { tool, compare, session } = get();
    const paints = PAINTING.includes(tool) && !compare && session && event.button === 0 && !gesture.spaceHeld;
    erasing = event.altKey || event.button === 5;
    last = inPicture(at);
    if (paints) beginNext();
    if (!paints) action = "pan";
    else if (tool === "fill") operate((layer) => fill(layer, last, erasing));
    else if (tool === "box" || tool === "lasso" || tool === "select") {
      action = "shape";
      gesture.outline = [last];
    } else {
      action = "paint";
      rect = EMPTY;
      currentPaint().strokes.begin();
      paintTo(last, pressureOf(event));
    }
    redraw();
  };

  const moved = (event: PointerEvent) => {
    const at = local(event);
    const before = pointers.get(event.pointerId);
    gesture.cursor = event.pointerType === "touch" ? null : at;
    if (!before) return redraw();
    if (pointers.size === 2) pinch(event.pointerId, before, at);
    else if (action === "pan") move(at.x - before.x, at.y - before.y);
    else if (action === "paint") {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length > 0 ? events : [event]) paintTo(inPicture(local(one)), pressureOf(one));
    } else if (action === "shape") {
      const to = inPicture(at);
      if (get().tool === "lasso") gesture.outline.push(to);
      else gesture.outline = [last, { x: to.x, y: last.y }, to, { x: last.x, y: to.y }];
    }
    pointers.set(event.pointerId, at);
    redraw();
  };

  const pinch = (id: number, before: Point, at: Point) => {
    const other = [...pointers].find(([key]) => key !== id)![1];
    const apart = (p: Point) => Math.max(1, Math.hypot(p.x - other.x, p.y - other.y));
    const middle = { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 };
    move((at.x - before.x) / 2, (at.y - before.y) / 2);
    zoom(apart(at) / apart(before), middle);
  };

  /** Two taps on a picture that is only moved show all of it. */
  const tap = (event: PointerEvent) => {
    const at = local(event);
    const time = event.timeStamp;
    const isTap =
      action === "pan" && began && distance(began.at, at) < TAP.moved && time - began.time < TAP.time;
    const isSecond =
      isTap && tapped && distance(tapped.at, at) < TAP.apart && time - tapped.time < TAP.between;
    if (isSecond) fitToScreen();
    tapped = isTap && !isSecond ? { at, time } : null;
  };

  const up = (event: PointerEvent) => {
    if (event.pointerId === pen) pen = null;
    // A palm that was put down beside the pen ends nothing when it is lifted.
    if (!pointers.delete(event.pointerId)) return;
    if (event.type === "pointerup") tap(event);
    finish(event.type === "pointerup");
  };

  const leave = () => {
    gesture.cursor = null;
    redraw();
  };

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    if (event.shiftKey) return move(-event.deltaX - event.deltaY, 0);
    // Two fingers on a trackpad move the picture; what a wheel does is known by its even, upright steps.
    if (isTrackpad(event)) return move(-event.deltaX, -event.deltaY);
    // A pinch on a trackpad comes as a wheel with Ctrl, in smaller steps.
    const speed = event.ctrlKey ? 0.01 : event.deltaMode === 1 ? 0.05 : 0.0016;
    zoom(Math.exp(-speed * Math.max(-240, Math.min(240, event.deltaY))), local(event));
  };

  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", moved);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("wheel", wheel, { passive: false });
  return () => {
    canvas.removeEventListener("pointerdown", down);
    canvas.removeEventListener("pointermove", moved);
    canvas.removeEventListener("pointerup", up);
    canvas.removeEventListener("pointercancel", up);
    canvas.removeEventListener("pointerleave", leave);
    canvas.removeEventListener("wheel", wheel);
  };
}

/** A pen presses; everything else is as strong as it can be. */
function pressureOf(event: PointerEvent): number {
  return event.pointerType === "pen" && event.pressure > 0 ? 0.3 + 0.7 * event.pressure : 1;
}
