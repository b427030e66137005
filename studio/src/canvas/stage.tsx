/** The stage: the picture, what is painted on it, and what it is compared with. */
import { useEffect, useRef } from "react";
import { type Mask, type Picture, visibleChange } from "../../../src/web.ts";
import { CompareBar, CompareHandle, CompareLabels } from "../compare/compare.tsx";
import { difference } from "../compare/difference.ts";
import { colourOf } from "../edit/region-colours.ts";
import { TrustLine } from "../history/trust.tsx";
import { isBlank, middleOf, whole } from "../painting/layer.ts";
import { paintedOf } from "../painting/regions.ts";
import { get, useStudio } from "../state/store.ts";
import { toCanvas } from "../ui/pictures.ts";
import { t } from "../words/index.ts";
import { aligned, placeOf } from "./align.ts";
import { fitToScreen, frame, useCamera, zoom } from "./camera.ts";
import { CanvasFrame } from "./canvas-frame.tsx";
import { draw, type Scene, type Veil } from "./draw.ts";
import { KeyFrame } from "./key-frame.tsx";
import { brushRadius, gesture, listen } from "./pointer.ts";
import { refresh, veilOf, veilOfMask } from "./veil.ts";
import { ZoomBar } from "./zoom-bar.tsx";

export function Stage() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const cursor = useRef<HTMLDivElement>(null);
  const tool = useStudio((s) => s.tool);
  const compare = useStudio((s) => s.compare);
  const name = useStudio((s) => s.session?.nodes.find(({ id }) => id === s.session?.head)?.instruction);

  useEffect(() => {
    const element = canvas.current!;
    const context = element.getContext("2d")!;
    let frameRequest = 0;
    const redraw = () => {
      cancelAnimationFrame(frameRequest);
      frameRequest = requestAnimationFrame(() => {
        const scene = sceneOf(element);
        draw(context, scene);
        placeCursor(cursor.current!, element);
      });
    };
    const resize = () => {
      const { top, left, width, height } = element.getBoundingClientRect();
      placeNotices(top, left + width / 2);
      const ratio = devicePixelRatio;
      element.width = Math.round(width * ratio);
      element.height = Math.round(height * ratio);
      const { session, compare } = get();
      if (session) frame(session, { width: compare?.mode === "side" ? width / 2 : width, height });
      redraw();
    };
    const observer = new ResizeObserver(resize);
    observer.observe(element);
    let before = get();
    const stopStore = useStudio.subscribe((state) => {
      if (state.painted !== before.painted) {
        for (const { id } of state.regions) {
          const own = paintedOf(id);
          if (own) refresh(own.layer, whole(own.layer));
        }
      }
      if (state.hovered !== before.hovered) void loadHovered(state.hovered).then(redraw);
      const framed =
        state.session?.id !== before.session?.id ||
        state.session?.width !== before.session?.width ||
        state.session?.height !== before.session?.height ||
        state.compare?.mode !== before.compare?.mode;
      // Around the picture there has to be room for a frame.
      const makesRoom = state.canvas && state.canvas.kind !== before.canvas?.kind;
      const wasFramed = before.canvas !== null;
      before = state;
      if (makesRoom) {
        fitToScreen();
        zoom(state.canvas?.kind === "expand" ? 0.6 : 0.82);
      } else if (!state.canvas && wasFramed) fitToScreen();
      if (framed) resize();
      else redraw();
    });
    const stopCamera = useCamera.subscribe(redraw);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", redraw);
    const stopListening = listen(element, redraw);
    resize();
    return () => {
      cancelAnimationFrame(frameRequest);
      observer.disconnect();
      stopStore();
      stopCamera();
      stopListening();
      dark.removeEventListener("change", redraw);
      placeNotices();
    };
  }, []);

  return (
    <div className="stage" data-tool={tool}>
      <canvas ref={canvas} tabIndex={0} role="img" aria-label={t.thePicture(name || t.original)} />
      <div ref={cursor} className="brush-cursor" aria-hidden />
      {compare && <CompareLabels />}
      {compare?.mode === "slider" && <CompareHandle />}
      {compare && <CompareBar />}
      <KeyFrame />
      <TrustLine />
      <ZoomBar />
      <CanvasFrame />
    </div>
  );
}

/** Notices stand over the stage, not over what is above it or beside it (styles/notices.css). */
function placeNotices(top?: number, middle?: number): void {
  const { style } = document.documentElement;
  for (const [name, at] of Object.entries({ "--stage-top": top, "--stage-middle": middle })) {
    if (at === undefined) style.removeProperty(name);
    else style.setProperty(name, `${at}px`);
  }
}

let hoveredMask: { node: string; mask: Mask | null } | null = null;

async function loadHovered(node: string | null): Promise<void> {
  const { backend, session } = get();
  if (!node || !session) {
    hoveredMask = null;
    return;
  }
  const mask = await backend.mask(session.id, node).catch(() => null);
  if (get().hovered === node) hoveredMask = { node, mask };
}

let lastDifference: { a: Picture; b: Picture; canvas: OffscreenCanvas } | null = null;

function differenceCanvas(a: Picture, b: Picture): OffscreenCanvas {
  if (lastDifference?.a !== a || lastDifference.b !== b) {
    lastDifference = { a, b, canvas: toCanvas(difference(a, b)) };
  }
  return lastDifference.canvas;
}

let lastChange: { a: Picture; b: Picture; mask: Mask } | null = null;

function changeMask(a: Picture, b: Picture): Mask {
  if (lastChange?.a !== a || lastChange.b !== b) {
    const mask = { width: a.width, height: a.height, data: Float32Array.from(visibleChange(a, b)) };
    lastChange = { a, b, mask };
  }
  return lastChange.mask;
}

function sceneOf(element: HTMLCanvasElement): Scene {
  const { session, pictures, job, compare, peek, regions, region, hovered, showChanges } = get();
  const { view, fitted, screen } = useCamera.getState();
  const head = session?.nodes.find(({ id }) => id === session.head);
  // Another step's picture stands where it lies on the one that is shown.
  const pictureOf = (id: string) => {
    const found = pictures.get(id);
    if (!found || !session || id === session.head) return found;
    return aligned(found, placeOf(session.nodes, id), placeOf(session.nodes, session.head));
  };
  const shown = pictureOf((peek && head?.parent) || head?.id || "") ?? null;
  const picture = job?.preview && !peek ? job.preview : shown;
  const other = (compare && pictureOf(compare.with)) ?? null;
  const style = getComputedStyle(element);
  const veils: Veil[] = [];
  if (hovered && hoveredMask?.node === hovered && hoveredMask.mask) {
    veils.push({ shape: veilOfMask(hoveredMask.mask), active: true });
  } else if (!job && !compare && !peek && showChanges && head?.parent) {
    const before = pictureOf(head.parent);
    if (before && shown) veils.push({ shape: veilOfMask(changeMask(before, shown)), active: true });
  } else if (!compare && !peek) {
    for (const [index, { id }] of regions.entries()) {
      const own = paintedOf(id);
      if (!own || !session || own.layer.width !== session.width || isBlank(own.layer)) continue;
      const several = regions.length > 1 && {
        colour: colourOf(index),
        number: index + 1,
        middle: middleOf(own.layer),
      };
      veils.push({ shape: veilOf(own.layer), active: id === region, ...several });
    }
  }
  return {
    screen,
    pixelRatio: devicePixelRatio,
    unit: Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16,
    view,
    fitted,
    picture,
    other,
    mode: compare?.mode ?? null,
    at: compare?.at ?? 0.5,
    difference: compare?.mode === "difference" && picture && other ? differenceCanvas(other, picture) : null,
    veils,
    outline: gesture.outline,
    colours: { accent: style.getPropertyValue("--veil"), light: "#fff", dark: "rgba(0, 0, 0, 0.6)" },
  };
}

/** The brush is shown at its true size. */
function placeCursor(element: HTMLDivElement, canvas: HTMLCanvasElement): void {
  const { tool, compare } = get();
  const { cursor } = gesture;
  const shows = (tool === "brush" || tool === "eraser") && cursor && !compare && !gesture.spaceHeld;
  element.hidden = !shows;
  canvas.style.cursor = shows ? "none" : "";
  if (!shows) return;
  const size = Math.max(4, 2 * brushRadius() * useCamera.getState().view.scale);
  element.style.width = `${size}px`;
  element.style.height = `${size}px`;
  element.style.transform = `translate(${cursor.x - size / 2}px, ${cursor.y - size / 2}px)`;
}
