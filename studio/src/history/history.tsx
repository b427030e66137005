/** The tree of edits. */
import {
  Copy,
  Dices,
  GitCompare,
  History as HistoryIcon,
  MoreHorizontal,
  Pencil,
  RotateCcw,
  SquareDashed,
  Trash2,
  WandSparkles,
} from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import type { NodeView } from "../backend/backend.ts";
import { changeRegion, reuseMask } from "../state/mask.ts";
import { deleteNode, openVariations, restoreNodes, tryAgain } from "../state/steps.ts";
import { get, set, useStudio } from "../state/store.ts";
import { compareWith, goTo, renameNode, walk } from "../state/view.ts";
import { Thumbnail } from "../ui/thumbnail.tsx";
import { t } from "../words/index.ts";
import { folded } from "./groups.ts";
import { layoutTree, type Row } from "./layout.ts";
import { nameOf } from "./names.ts";
import { TrustMark } from "./trust.tsx";

/** In rem, as in styles/history.css. */
const ROW = 3.5;
const LANE = 1;

export function History() {
  const session = useStudio((s) => s.session)!;
  const stars = useStudio((s) => s.stars);
  const { nodes, sizes } = useMemo(() => folded(session.nodes, session.head, stars), [session, stars]);
  const rows = useMemo(() => layoutTree(nodes, session.head), [nodes, session.head]);
  const lanes = Math.max(...rows.map(({ lane }) => lane)) + 1;
  const list = useRef<HTMLDivElement>(null);

  useEffect(() => {
    list.current
      ?.querySelector(`[data-node="${session.head}"]`)
      ?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [session.head]);

  const onKeyDown = (event: KeyboardEvent) => {
    const key = ({ ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" } as const)[
      event.key as "ArrowUp"
    ];
    if (!key) return;
    event.preventDefault();
    event.stopPropagation();
    void walk(key).then(() => list.current?.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
  };

  return (
    <section className="history" aria-label={t.history}>
      <h2>
        <HistoryIcon size="1rem" strokeWidth={1.75} aria-hidden /> {t.history}
      </h2>
      <div className="tree" role="tree" aria-label={t.steps} tabIndex={-1} ref={list} onKeyDown={onKeyDown}>
        <div className="tree-rows" style={{ minHeight: `${rows.length * ROW}rem` }}>
          <Lines rows={rows} lanes={lanes} />
          {rows.map((row) => (
            <NodeRow
              key={row.node.id}
              row={row}
              session={session.id}
              head={session.head}
              count={sizes.get(row.node.id) ?? 1}
            />
          ))}
        </div>
      </div>
      <Bin />
    </section>
  );
}

/** What was deleted from this session, to be brought back. */
function Bin() {
  const bin = useStudio((s) => s.session?.bin ?? []).filter(({ understood }) => understood);
  if (bin.length === 0) return null;
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <button type="button" className="text-button bin">
          <Trash2 size="1rem" strokeWidth={1.75} aria-hidden />
          {t.bin(bin.length)}
        </button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="start" collisionPadding={8}>
          <DropdownMenu.Label className="menu-label">{t.bringBack}</DropdownMenu.Label>
          {bin.map((node) => (
            <DropdownMenu.Item
              key={node.id}
              className="menu-item"
              onSelect={() => void restoreNodes([node.id])}
            >
              <RotateCcw size="1rem" strokeWidth={1.75} aria-hidden />
              {nameOf(node)}
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function Lines({ rows, lanes }: { rows: readonly Row<NodeView>[]; lanes: number }) {
  const x = (lane: number) => lane * LANE + 0.75;
  const y = (row: number) => row * ROW + ROW / 2;
  const [width, height] = [lanes * LANE + 0.75, rows.length * ROW];
  const lines = rows.filter(({ from }) => from).sort((a, b) => Number(a.strong) - Number(b.strong));
  return (
    <svg
      className="tree-lines"
      viewBox={`0 0 ${width} ${height}`}
      width={`${width}rem`}
      height={`${height}rem`}
      aria-hidden
    >
      {lines.map(({ node, row, lane, from, strong }) => {
        const [x0, y0, x1, y1] = [x(from!.lane), y(from!.row), x(lane), y(row)];
        const path =
          x0 === x1 ? `M${x0} ${y0}V${y1}` : `M${x0} ${y0}V${y1 - 0.5}Q${x0} ${y1} ${x0 + 0.5} ${y1}H${x1}`;
        return <path key={node.id} d={path} className={strong ? "strong" : ""} />;
      })}
    </svg>
  );
}

function NodeRow({
  row: { node, lane, strong, depth },
  session,
  head,
  count,
}: {
  row: Row<NodeView>;
  session: string;
  head: string;
  /** Of the variations that the row stands for. */
  count: number;
}) {
  const [renaming, setRenaming] = useState(false);
  const here = node.id === head;
  // A row that goes is not left by the pointer.
  useEffect(() => () => set(({ hovered }) => (hovered === node.id ? { hovered: null } : {})), [node.id]);
  return (
    <div
      className="node"
      role="treeitem"
      aria-level={depth + 1}
      aria-selected={here}
      tabIndex={here ? 0 : -1}
      data-node={node.id}
      data-strong={strong || undefined}
      style={{ paddingLeft: `${lane * LANE}rem` }}
      onClick={() => void goTo(node.id)}
      onDoubleClick={() => setRenaming(true)}
      onPointerEnter={() => node.hasMask && set({ hovered: node.id })}
      onPointerLeave={() => set({ hovered: null })}
      onKeyDown={(event) => {
        if (renaming) return;
        if (event.key === "F2") setRenaming(true);
        if (event.key === "Delete") void deleteNode(node.id);
      }}
    >
      <span className="node-dot" />
      <span className="node-thumb">
        <Thumbnail session={session} node={node.id} className="node-picture" />
        {node.hasMask && <SquareDashed className="node-masked" size="0.875rem" aria-label={t.masked} />}
      </span>
      <span className="node-words">
        {renaming ? (
          <Rename node={node} done={() => setRenaming(false)} />
        ) : (
          <span className="node-name">{nameOf(node)}</span>
        )}
        <NodeFacts node={node} />
      </span>
      {count > 1 && (
        <button
          type="button"
          className="node-count"
          aria-label={t.showVariations(count)}
          onClick={(event) => {
            event.stopPropagation();
            void openVariations(node.id);
          }}
        >
          ×{count}
        </button>
      )}
      <TrustMark node={node} />
      <NodeMenu node={node} rename={() => setRenaming(true)} />
    </div>
  );
}

function NodeFacts({ node }: { node: NodeView }) {
  if (node.parent === null) return null;
  const facts = [node.regions.length > 1 && t.placeCount(node.regions.length), !node.changed && t.noChange];
  const words = facts.filter(Boolean).join(" · ");
  return words === "" ? null : <span className="muted">{words}</span>;
}

function Rename({ node, done }: { node: NodeView; done: () => void }) {
  return (
    <input
      className="rename"
      aria-label={t.nameOfStep}
      defaultValue={node.name ?? ""}
      placeholder={nameOf(node)}
      maxLength={200}
      // biome-ignore lint/a11y/noAutofocus: it appears because the user asked to write in it
      autoFocus
      onClick={(event) => event.stopPropagation()}
      onBlur={(event) => {
        if (event.target.value !== (node.name ?? "")) void renameNode(node.id, event.target.value);
        done();
      }}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") event.currentTarget.blur();
        if (event.key === "Escape") done();
      }}
    />
  );
}

function NodeMenu({ node, rename }: { node: NodeView; rename: () => void }) {
  const head = useStudio((s) => s.session?.head);
  const item = (label: string, Icon: typeof Copy, run: () => void, keys?: string, disabled = false) => (
    <DropdownMenu.Item className="menu-item" disabled={disabled} onSelect={run}>
      <Icon size="1rem" strokeWidth={1.75} aria-hidden />
      {label}
      {keys && <kbd>{keys}</kbd>}
    </DropdownMenu.Item>
  );
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <button
          type="button"
          className="icon-button node-more"
          aria-label={t.moreFor(nameOf(node))}
          onClick={(event) => event.stopPropagation()}
        >
          <MoreHorizontal size="1rem" strokeWidth={1.75} aria-hidden />
        </button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          className="menu"
          align="start"
          collisionPadding={8}
          onClick={(event) => event.stopPropagation()}
        >
          {item(t.compareWithThis, GitCompare, () => void compareWith(node.id), undefined, node.id === head)}
          {item(t.rename, Pencil, () => setTimeout(rename), "F2")}
          {node.parent !== null && (
            <>
              {item(
                t.changeThisStep,
                WandSparkles,
                () => void goTo(node.id).then(() => set({ panel: "settings" })),
              )}
              {item(t.tryAgain, Dices, () => void tryAgain(node.id))}
              {item(t.reuseWords, Copy, () => repeatInstruction(node))}
              {item(t.reuseMask, SquareDashed, () => void reuseMask(node.id), undefined, !node.hasMask)}
              <DropdownMenu.Separator className="menu-line" />
              {item(t.delete, Trash2, () => void deleteNode(node.id), "Del")}
            </>
          )}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function repeatInstruction(node: NodeView): void {
  changeRegion(get().region, { instruction: node.regions[0]?.instruction ?? "" });
  setTimeout(() => document.getElementById("instruction")?.focus());
}
