/** What kill.test.ts kills: goes on with a session, saves after every edit, and says so when it is saved. */
import { existsSync } from "node:fs";

const [entry, checkpoint, file] = process.argv.slice(2);
const { loadModel, loadSession, openSession } = await import(entry);
const model = await loadModel(checkpoint, { threads: 1 });
const [width, height] = [300, 200];
const data = new Uint8ClampedArray(4 * width * height);
for (let i = 0; i < data.length; i += 4) data.set([90, 120, 200, 255], i);
const session = existsSync(file)
  ? await loadSession(file, { model })
  : await openSession(model, { width, height, data });
for (;;) {
  const seed = session.nodes.size;
  // A chain of five, then a new branch.
  const node = await session.edit("make it red", {
    steps: 1,
    textGuidance: 1,
    imageGuidance: 1,
    seed,
    from: seed % 5 === 0 ? session.root : session.head,
  });
  await session.save(file);
  process.stdout.write(`${node.id}\n`);
}
