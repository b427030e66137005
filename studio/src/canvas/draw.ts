/** Draws what the stage shows. Everything it needs is given; it keeps only scratch canvases. */
import type { Picture } from "../../../src/web.ts";
import { toCanvas } from "../ui/pictures.ts";
import type { Area, View } from "./viewport.ts";

export interface Veil {
  readonly shape: OffscreenCanvas;
  readonly active: boolean;
  /** The place's own; absent: the accent. */
  readonly colour?: string;
  /** Written in its middle, where there are several. */
  readonly number?: number;
  readonly middle?: { readonly x: number; readonly y: number };
}

export interface Scene {
  readonly screen: Area;
  readonly pixelRatio: number;
  /** A pixel of the interface, which grows with the root's font size, in CSS pixels. */
  readonly unit: number;
  readonly view: View;
  /** The view that shows the whole picture. */
  readonly fitted: View;
  readonly picture: Picture | null;
  /** What it is compared with, and how. */
  readonly other: Picture | null;
  readonly mode: "slider" | "side" | "difference" | null;
  readonly at: number;
  readonly difference: OffscreenCanvas | null;
  readonly veils: readonly Veil[];
  /** A box or lasso that is being drawn, in pixels of the picture. */
  readonly outline: readonly { x: number; y: number }[];
  readonly colours: { readonly accent: string; readonly light: string; readonly dark: string };
}

const canvases = new WeakMap<Picture, OffscreenCanvas>();

export function canvasOf(picture: Picture): OffscreenCanvas {
  const known = canvases.get(picture) ?? toCanvas(picture);
  canvases.set(picture, known);
  return known;
}

/** From here on pixels are shown as squares: who zooms in so far wants to see them. */
const SQUARE_PIXELS = 12;

export function draw(context: CanvasRenderingContext2D, scene: Scene): void {
  const { screen, pixelRatio, picture, other, mode } = scene;
  context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
  context.clearRect(0, 0, 2 * screen.width, screen.height);
  if (!picture) return;
  if (mode === "side" && other) {
    half(context, scene, other, 0);
    half(context, scene, picture, screen.width);
    return;
  }
  if (mode === "difference" && scene.difference) {
    image(context, scene, scene.difference);
    return;
  }
  board(context, scene, picture);
  if (mode === "slider" && other) {
    const width = picture.width * scene.view.scale;
    image(context, scene, canvasOf(other));
    context.save();
    context.beginPath();
    context.rect(
      scene.view.x + scene.at * width,
      scene.view.y,
      width * (1 - scene.at),
      picture.height * scene.view.scale,
    );
    context.clip();
    context.clearRect(0, 0, screen.width, screen.height);
    board(context, scene, picture);
    image(context, scene, canvasOf(picture));
    context.restore();
    return;
  }
  image(context, scene, canvasOf(picture));
  for (const veil of scene.veils) drawVeil(context, scene, veil);
  for (const veil of scene.veils) if (veil.middle) badge(context, scene, veil);
  if (scene.outline.length > 1) outline(context, scene);
}

function half(context: CanvasRenderingContext2D, scene: Scene, picture: Picture, left: number): void {
  const { screen, pixelRatio } = scene;
  context.save();
  context.setTransform(pixelRatio, 0, 0, pixelRatio, left * pixelRatio, 0);
  context.beginPath();
  context.rect(0, 0, screen.width, screen.height);
  context.clip();
  board(context, scene, picture);
  image(context, scene, canvasOf(picture));
  context.restore();
}

function image(context: CanvasRenderingContext2D, { view, fitted }: Scene, source: OffscreenCanvas): void {
  // A small picture on a large screen is as large without being zoomed into.
  context.imageSmoothingEnabled = view.scale < Math.max(SQUARE_PIXELS, 1.5 * fitted.scale);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, view.x, view.y, source.width * view.scale, source.height * view.scale);
}

/** A chequerboard where the picture is transparent, in the screen's own size. */
function board(
  context: CanvasRenderingContext2D,
  { view, unit }: Scene,
  { width, height, data }: Picture,
): void {
  if (data[3] === 255 && data[data.length - 1] === 255 && data[data.length / 2 + 3] === 255) return;
  const [w, h] = [width * view.scale, height * view.scale];
  context.save();
  context.beginPath();
  context.rect(view.x, view.y, w, h);
  context.clip();
  context.fillStyle = "#fff";
  context.fillRect(view.x, view.y, w, h);
  context.fillStyle = "#d8d8d8";
  const side = 8 * unit;
  for (let row = 0; row * side < h; row++) {
    for (let x = (row % 2) * side; x < w; x += 2 * side)
      context.fillRect(view.x + x, view.y + row * side, side, side);
  }
  context.restore();
}

let scratch: [OffscreenCanvas, OffscreenCanvas] | undefined;

/** The mask as a tint with a thin double line around it, which is seen on any picture. */
function drawVeil(context: CanvasRenderingContext2D, scene: Scene, veil: Veil): void {
  const { shape, active } = veil;
  const { screen, pixelRatio, unit, view, colours } = scene;
  const [width, height] = [Math.ceil(screen.width * pixelRatio), Math.ceil(screen.height * pixelRatio)];
  if (scratch?.[0].width !== width || scratch[0].height !== height) {
    scratch = [new OffscreenCanvas(width, height), new OffscreenCanvas(width, height)];
  }
  const place = (target: OffscreenCanvasRenderingContext2D, dx: number, dy: number) => {
    target.imageSmoothingEnabled = view.scale < SQUARE_PIXELS / 4;
    target.drawImage(
      shape,
      (view.x + dx) * pixelRatio,
      (view.y + dy) * pixelRatio,
      shape.width * view.scale * pixelRatio,
      shape.height * view.scale * pixelRatio,
    );
  };
  const [tint, ring] = scratch.map((canvas) => canvas.getContext("2d")!) as [
    OffscreenCanvasRenderingContext2D,
    OffscreenCanvasRenderingContext2D,
  ];
  const colour = (target: OffscreenCanvasRenderingContext2D, style: string) => {
    target.globalCompositeOperation = "source-in";
    target.fillStyle = style;
    target.fillRect(0, 0, width, height);
    target.globalCompositeOperation = "source-over";
  };
  const ringOf = (reach: number, style: string) => {
    ring.clearRect(0, 0, width, height);
    for (let i = 0; i < 8; i++)
      place(ring, reach * Math.cos((i * Math.PI) / 4), reach * Math.sin((i * Math.PI) / 4));
    ring.globalCompositeOperation = "destination-out";
    for (let i = 0; i < 2; i++) place(ring, 0, 0);
    ring.globalCompositeOperation = "source-over";
    colour(ring, style);
    context.drawImage(scratch![1], 0, 0, screen.width, screen.height);
  };
  tint.clearRect(0, 0, width, height);
  place(tint, 0, 0);
  colour(tint, veil.colour ?? (active ? colours.accent : colours.light));
  context.globalAlpha = active ? 0.42 : 0.25;
  context.drawImage(scratch[0], 0, 0, screen.width, screen.height);
  context.globalAlpha = 1;
  ringOf(2 * unit, colours.dark);
  ringOf(unit, colours.light);
}

/** A place's number on its colour. */
function badge(
  context: CanvasRenderingContext2D,
  { view, unit }: Scene,
  { number, middle, colour }: Veil,
): void {
  const [x, y] = [view.x + middle!.x * view.scale, view.y + middle!.y * view.scale];
  context.beginPath();
  context.arc(x, y, 11 * unit, 0, 2 * Math.PI);
  context.fillStyle = colour ?? "#000";
  context.fill();
  context.lineWidth = 1.5 * unit;
  context.strokeStyle = "#fff";
  context.stroke();
  context.fillStyle = "#fff";
  context.font = `600 ${12 * unit}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(number), x, y + 0.5 * unit);
}

function outline(context: CanvasRenderingContext2D, { view, unit, outline, colours }: Scene): void {
  context.beginPath();
  for (const { x, y } of outline) context.lineTo(view.x + x * view.scale, view.y + y * view.scale);
  context.closePath();
  context.lineWidth = 3 * unit;
  context.strokeStyle = colours.dark;
  context.stroke();
  context.lineWidth = unit;
  context.strokeStyle = colours.light;
  context.setLineDash([4 * unit, 4 * unit]);
  context.stroke();
  context.setLineDash([]);
}
