/** Pictures beside a session, so that they are not decoded again. */
import type { Metrics } from "./metrics.ts";
import type { SessionStore } from "./store/store.ts";

/** Keeps a node's picture. It can be made again, so a disk that does not take it is no reason to fail. */
export async function keepPicture(
  { store, metrics }: { readonly store: SessionStore; readonly metrics: Metrics },
  session: string,
  node: string,
  png: Uint8Array,
): Promise<void> {
  await store.putFile(session, "pictures", `${node}.png`, png).catch((error) => metrics.problem(error));
}
