/** The one view of the picture, shared by the canvas and what lies over it. */
import { create } from "zustand";
import { type Area, fit, pan, type View, zoomAt } from "./viewport.ts";

interface Camera {
  readonly view: View;
  readonly fitted: View;
  /** The canvas, in CSS pixels; half of it where two pictures stand side by side. */
  readonly screen: Area;
  readonly picture: Area;
  /** Nobody has zoomed or panned: the picture follows the window's size. */
  readonly follows: boolean;
}

const NOTHING: View = { scale: 1, x: 0, y: 0 };

export const useCamera = create<Camera>(() => ({
  view: NOTHING,
  fitted: NOTHING,
  screen: { width: 1, height: 1 },
  picture: { width: 1, height: 1 },
  follows: true,
}));

const { getState, setState } = useCamera;

/** The picture or the room for it has changed. */
export function frame(picture: Area, screen: Area): void {
  const before = getState();
  const margin = Math.min(32, screen.width / 16);
  const fitted = fit(picture, screen, { top: margin, right: margin, bottom: margin, left: margin });
  const same = before.picture.width === picture.width && before.picture.height === picture.height;
  const follows = before.follows || !same;
  setState({ picture, screen, fitted, follows, view: follows ? fitted : before.view });
}

export function zoom(factor: number, at?: { x: number; y: number }): void {
  const { view, fitted, screen } = getState();
  const centre = { x: screen.width / 2, y: screen.height / 2 };
  setState({ view: zoomAt(view, factor, at ?? centre, fitted), follows: false });
}

export function move(dx: number, dy: number): void {
  const { view, picture, screen } = getState();
  setState({ view: pan(view, dx, dy, picture, screen), follows: false });
}

export function fitToScreen(): void {
  setState(({ fitted }) => ({ view: fitted, follows: true }));
}

export function actualSize(): void {
  zoom(1 / getState().view.scale);
}
