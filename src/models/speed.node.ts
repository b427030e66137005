/** What a matrix product reaches on this machine's processor. */
import { Graph } from "../graph/graph.ts";
import { gemm } from "../graph/ops.ts";
import { createNodeEngine } from "../runtime/node.ts";
import { tensor } from "../tensor/tensor.ts";

const SIDE = 1024;
const TRIES = 4;

/** FLOP per second in fp32, the best of a few products of 1024 × 1024: a fraction of a second. Null where the runtime does not work. */
export async function measureProduct(): Promise<number | null> {
  const graph = new Graph("product");
  const at = { graph, path: "product" };
  const [a, b] = ["a", "b"].map((name) => graph.input(name, [SIDE, SIDE]));
  graph.output("c", gemm(at, a!, b!));
  const engine = createNodeEngine();
  try {
    const session = await engine.createSession(graph.encode(), { files: [] });
    const values = () =>
      tensor(
        Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i % 7) - 3),
        [SIDE, SIDE],
      );
    const feeds = { a: values(), b: values() };
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i <= TRIES; i++) {
      const start = performance.now();
      await session.run(feeds);
      // The first allocates.
      if (i > 0) best = Math.min(best, (performance.now() - start) / 1000);
    }
    return (2 * SIDE ** 3) / best;
  } catch {
    return null;
  } finally {
    await engine.dispose();
  }
}
