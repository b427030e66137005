/** The history where there is no room for a tree: the way from the original to here, and on from here. */
import { ListTree } from "lucide-react";
import { useEffect, useMemo, useRef } from "react";
import type { NodeView } from "../backend/backend.ts";
import { set, useStudio } from "../state/store.ts";
import { goTo } from "../state/view.ts";
import { Thumbnail } from "../ui/thumbnail.tsx";
import { t } from "../words/index.ts";
import { nameOf } from "./names.ts";
import { TrustMark } from "./trust.tsx";

export function Filmstrip() {
  const session = useStudio((s) => s.session)!;
  const strip = useRef<HTMLDivElement>(null);
  const path = useMemo(() => pathThrough(session.nodes, session.head), [session]);
  useEffect(() => {
    strip.current
      ?.querySelector(`[data-node="${session.head}"]`)
      ?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [session.head]);
  return (
    <nav className="filmstrip" aria-label={t.history} ref={strip}>
      <button
        type="button"
        className="film-all"
        aria-label={t.allSteps}
        onClick={() => set({ panel: "history" })}
      >
        <ListTree size="1.25rem" strokeWidth={1.5} aria-hidden />
      </button>
      {path.map(({ node, siblings }) => (
        <button
          type="button"
          key={node.id}
          data-node={node.id}
          aria-current={node.id === session.head ? "step" : undefined}
          aria-label={nameOf(node)}
          title={nameOf(node)}
          onClick={() => void goTo(node.id)}
        >
          <Thumbnail session={session.id} node={node.id} className="film" />
          <TrustMark node={node} />
          {siblings > 1 && <span className="film-branches">{siblings}</span>}
        </button>
      ))}
    </nav>
  );
}

function pathThrough(nodes: readonly NodeView[], head: string): { node: NodeView; siblings: number }[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const childrenOf = (id: string) => nodes.filter(({ parent }) => parent === id);
  const path: NodeView[] = [];
  for (let at = byId.get(head); at; at = at.parent === null ? undefined : byId.get(at.parent))
    path.unshift(at);
  for (let next = childrenOf(head).at(-1); next; next = childrenOf(next.id).at(-1)) path.push(next);
  return path.map((node) => ({ node, siblings: node.parent === null ? 1 : childrenOf(node.parent).length }));
}
