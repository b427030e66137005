/** Which instructions to suggest: what the model knows, not what was just done. */
import type { ModelInfo, SessionView } from "../backend/backend.ts";

/** One of each group first, then the seconds, and so on; what lies on the way to the head is left out. */
export function suggest(model: ModelInfo | undefined, session: SessionView, count: number): string[] {
  const done = new Set<string>();
  const byId = new Map(session.nodes.map((node) => [node.id, node]));
  for (let at = byId.get(session.head); at; at = byId.get(at.parent ?? "")) done.add(at.instruction);
  const groups = model?.can ?? [];
  const depth = Math.max(0, ...groups.map(({ instructions }) => instructions.length));
  const all: string[] = [];
  for (let i = 0; i < depth; i++)
    for (const group of groups) if (group.instructions[i]) all.push(group.instructions[i]!);
  return all.filter((one) => !done.has(one)).slice(0, count);
}
