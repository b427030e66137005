/** Which node of a tree somebody means. What is said where there is none, or more than one, is the caller's. */
import { ORIGINAL } from "./script.ts";

interface Findable {
  readonly id: string;
  readonly name?: string;
  readonly parent: unknown;
}

/** The nodes that are called so: "original", an id, or a name, which several may share. */
export function nodesCalled<T extends Findable>(nodes: Iterable<T>, name: string): T[] {
  const all = [...nodes];
  if (name === ORIGINAL) return all.filter(({ parent }) => parent === null);
  const own = all.filter(({ id }) => id === name);
  return own.length > 0 ? own : all.filter((node) => node.name === name);
}

/** As nodesCalled, for what a person types: where nothing is called so, the nodes whose ids begin with it. */
export function matchNodes<T extends Findable>(nodes: Iterable<T>, meant: string): T[] {
  const all = [...nodes];
  const called = nodesCalled(all, meant);
  if (called.length > 0 || meant === "") return called;
  return all.filter(({ id }) => id.startsWith(meant.toLowerCase()));
}
