/** Two nodes against each other: a slider between them, side by side, or their difference. */
import { Columns2, Diff, SplitSquareHorizontal, X } from "lucide-react";
import { useMemo, useRef } from "react";
import type { NodeView } from "../backend/backend.ts";
import { aligned, placeOf } from "../canvas/align.ts";
import { useCamera } from "../canvas/camera.ts";
import { nameOf } from "../history/names.ts";
import { compareWith } from "../state/session.ts";
import { set, useStudio } from "../state/store.ts";
import type { CompareMode } from "../state/types.ts";
import { IconButton } from "../ui/controls.tsx";
import { t } from "../words/index.ts";
import { changedPixels } from "./difference.ts";

const MODES: readonly { mode: CompareMode; label: string; icon: typeof Diff }[] = [
  { mode: "slider", label: t.slider, icon: SplitSquareHorizontal },
  { mode: "side", label: t.sideBySide, icon: Columns2 },
  { mode: "difference", label: t.difference, icon: Diff },
];

function useNodes(): { left?: NodeView; right?: NodeView } {
  const session = useStudio((s) => s.session);
  const other = useStudio((s) => s.compare?.with);
  return {
    left: session?.nodes.find(({ id }) => id === other),
    right: session?.nodes.find(({ id }) => id === session.head),
  };
}

export function CompareLabels() {
  const { left, right } = useNodes();
  const compare = useStudio((s) => s.compare);
  const { view, picture, screen } = useCamera();
  if (!left || !right || !compare || compare.mode === "difference") return null;
  // At the line between the two, wherever it is.
  const at = compare.mode === "side" ? screen.width : view.x + compare.at * picture.width * view.scale;
  return (
    <>
      {compare.mode === "side" && <span className="stage-divider" />}
      <span className="compare-label left" style={{ left: at }}>
        {nameOf(left)}
      </span>
      <span className="compare-label right" style={{ left: at }}>
        {nameOf(right)}
      </span>
    </>
  );
}

export function CompareBar() {
  const compare = useStudio((s) => s.compare)!;
  const pictures = useStudio((s) => s.pictures);
  const session = useStudio((s) => s.session)!;
  const { left } = useNodes();
  const found = pictures.get(compare.with);
  const a =
    found && aligned(found, placeOf(session.nodes, compare.with), placeOf(session.nodes, session.head));
  const b = pictures.get(session.head);
  const changed = useMemo(() => (a && b ? changedPixels(a, b) / (a.width * a.height) : null), [a, b]);
  return (
    <div className="floating compare-bar" role="group" aria-label={t.compare}>
      <label className="compare-with">
        <span className="muted">{t.with}</span>
        <select
          value={compare.with}
          onChange={(event) => void compareWith(event.target.value)}
          aria-label={t.compareWith}
        >
          {session.nodes
            .filter(({ id }) => id !== session.head)
            .map((node) => (
              <option key={node.id} value={node.id}>
                {nameOf(node)}
              </option>
            ))}
        </select>
      </label>
      <span className="separator" />
      {MODES.map(({ mode, label, icon }) => (
        <IconButton
          key={mode}
          label={label}
          icon={icon}
          pressed={compare.mode === mode}
          onClick={() => void compareWith(compare.with, mode)}
        />
      ))}
      <span className="separator" />
      <span className="number muted" data-testid="changed">
        {changed === null ? "…" : changed === 0 ? t.identical : t.pixelsDiffer(changed)}
        {compare.mode === "difference" && ` · ${t.blackSame}`}
      </span>
      <IconButton
        label={left ? t.stopComparingWith(nameOf(left)) : t.stopComparing}
        keys="C"
        icon={X}
        onClick={() => void compareWith(null)}
      />
    </div>
  );
}

export function CompareHandle() {
  const at = useStudio((s) => s.compare?.at ?? 0.5);
  const { view, picture, screen } = useCamera();
  const held = useRef(false);
  const width = picture.width * view.scale;
  const move = (to: number) =>
    set(({ compare }) => ({ compare: compare && { ...compare, at: Math.min(1, Math.max(0, to)) } }));
  const top = Math.max(0, view.y);
  const height = Math.min(screen.height, view.y + picture.height * view.scale) - top;
  return (
    <div
      className="compare-handle"
      role="slider"
      tabIndex={0}
      aria-label={t.whereMeet}
      aria-orientation="horizontal"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(100 * at)}
      style={{ left: view.x + at * width, top, height }}
      onKeyDown={(event) => {
        const step = { ArrowLeft: -0.05, ArrowRight: 0.05, Home: -1, End: 1 }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        move(at + step);
      }}
      onPointerDown={(event) => {
        held.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (!held.current) return;
        const stage = event.currentTarget.parentElement!.getBoundingClientRect();
        move((event.clientX - stage.left - view.x) / width);
      }}
      onPointerUp={() => {
        held.current = false;
      }}
    >
      <span />
    </div>
  );
}
