/** Mask tools: what the next edit may change. */
import {
  Brush,
  ChevronDown,
  Contrast,
  Crop,
  Eraser,
  Expand,
  Hand,
  ImageUp,
  Lasso,
  PaintBucket,
  Redo2,
  Sparkles,
  SquareDashed,
  Undo2,
  Wand,
  Waves,
  X,
} from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useEffect, useRef } from "react";
import { nameOf } from "../history/names.ts";
import { invert } from "../painting/layer.ts";
import { findPlace } from "../state/edit.ts";
import {
  changeBrush,
  chooseTool,
  clearMask,
  featherMask,
  importMask,
  operate,
  redoStroke,
  reuseMask,
  undoStroke,
} from "../state/mask.ts";
import { useStudio } from "../state/store.ts";
import { PAINTING, type Tool } from "../state/types.ts";
import { IconButton, Slider, Tip } from "../ui/controls.tsx";
import { t } from "../words/index.ts";

const TOOLS: readonly { tool: Tool; label: string; keys: string; icon: typeof Brush }[] = [
  { tool: "move", label: t.tools.move, keys: "V", icon: Hand },
  { tool: "select", label: t.tools.select, keys: "W", icon: Wand },
  { tool: "brush", label: t.tools.brush, keys: "B", icon: Brush },
  { tool: "eraser", label: t.tools.eraser, keys: "E", icon: Eraser },
  { tool: "box", label: t.tools.box, keys: "R", icon: SquareDashed },
  { tool: "lasso", label: t.tools.lasso, keys: "L", icon: Lasso },
  { tool: "fill", label: t.tools.fill, keys: "G", icon: PaintBucket },
  { tool: "crop", label: t.tools.crop, keys: "K", icon: Crop },
  { tool: "expand", label: t.tools.expand, keys: "U", icon: Expand },
];

export function Tools() {
  const tool = useStudio((s) => s.tool);
  const region = useStudio((s) => s.regions.find(({ id }) => id === s.region) ?? s.regions[0]!);
  const busy = useStudio((s) => s.job !== null);
  const paints = PAINTING.includes(tool);
  const bar = useRef<HTMLDivElement>(null);
  // Where there is no room for all of them: the one in use is not half out of sight.
  useEffect(() => {
    bar.current
      ?.querySelector(`[data-tool="${tool}"]`)
      ?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [tool]);
  return (
    <div className="tools" role="toolbar" aria-label={t.whereItMay} aria-orientation="horizontal" ref={bar}>
      {TOOLS.map(({ tool: one, label, keys, icon }) => (
        <IconButton
          key={one}
          data-tool={one}
          label={label}
          keys={keys}
          icon={icon}
          pressed={tool === one}
          onClick={() => chooseTool(one)}
        />
      ))}
      <Tip label={t.autoTip} keys="M">
        <button type="button" className="text-button" disabled={busy} onClick={() => void findPlace()}>
          <Sparkles size="1rem" strokeWidth={1.75} aria-hidden />
          {t.auto}
        </button>
      </Tip>
      {(paints || region.masked) && <MaskOptions tool={tool} masked={region.masked} />}
    </div>
  );
}

function MaskOptions({ tool, masked }: { tool: Tool; masked: boolean }) {
  const { size, softness } = useStudio((s) => s.brush);
  const canUndo = useStudio((s) => s.canUndoStroke);
  const canRedo = useStudio((s) => s.canRedoStroke);
  const brushes = tool === "brush" || tool === "eraser";
  return (
    <>
      <span className="separator" />
      {brushes && (
        <>
          <Slider
            compact
            label={t.size}
            value={size}
            min={0.01}
            max={0.4}
            step={0.005}
            format={t.format.percent}
            onChange={(next) => changeBrush({ size: next })}
          />
          <Slider
            compact
            label={t.soft}
            value={softness}
            min={0}
            max={1}
            step={0.05}
            format={t.format.percent}
            onChange={(next) => changeBrush({ softness: next })}
          />
          <span className="separator" />
        </>
      )}
      <IconButton label={t.undoStroke} keys="Ctrl Z" icon={Undo2} disabled={!canUndo} onClick={undoStroke} />
      <IconButton
        label={t.redoStroke}
        keys="Ctrl ⇧ Z"
        icon={Redo2}
        disabled={!canRedo}
        onClick={redoStroke}
      />
      <IconButton label={t.invert} keys="I" icon={Contrast} onClick={() => operate(invert)} />
      <IconButton label={t.soften} keys="F" icon={Waves} disabled={!masked} onClick={featherMask} />
      <MaskMenu />
      <IconButton label={t.clearMask} keys="X" icon={X} disabled={!masked} onClick={clearMask} />
    </>
  );
}

/** Masks from elsewhere. */
function MaskMenu() {
  const file = useRef<HTMLInputElement>(null);
  const masked = useStudio((s) => s.session)?.nodes.filter(({ hasMask }) => hasMask) ?? [];
  return (
    <>
      <DropdownMenu.Root>
        <DropdownMenu.Trigger asChild>
          <button type="button" className="icon-button wide" aria-label={t.masksElsewhere}>
            <ImageUp size="1rem" strokeWidth={1.75} aria-hidden />
            <ChevronDown size="0.75rem" aria-hidden />
          </button>
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content className="menu" side="top" sideOffset={8} collisionPadding={8}>
            <DropdownMenu.Item className="menu-item" onSelect={() => file.current?.click()}>
              <ImageUp size="1rem" strokeWidth={1.75} aria-hidden />
              {t.openMask}
            </DropdownMenu.Item>
            {masked.length > 0 && (
              <DropdownMenu.Label className="menu-label">{t.maskOfEarlier}</DropdownMenu.Label>
            )}
            {masked.map((node) => (
              <DropdownMenu.Item key={node.id} className="menu-item" onSelect={() => void reuseMask(node.id)}>
                <SquareDashed size="1rem" strokeWidth={1.75} aria-hidden />
                {nameOf(node)}
              </DropdownMenu.Item>
            ))}
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      <input
        ref={file}
        type="file"
        accept="image/*"
        hidden
        aria-label={t.pictureAsMask}
        onChange={(event) => {
          const [picked] = event.target.files ?? [];
          if (picked) void importMask(picked);
          event.target.value = "";
        }}
      />
    </>
  );
}
