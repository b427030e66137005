/** What session-kill.test.ts kills: goes on with a session, saves after every edit, and says so when it is saved. */
import { existsSync } from "node:fs";
import { blankPicture } from "../../src/images/picture.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";

const [checkpoint, file] = process.argv.slice(2) as [string, string];
const model = await loadModel(checkpoint, { threads: 1 });
const session = existsSync(file)
  ? await loadSession(file, { model })
  : await openSession(model, blankPicture(300, 200, [90, 120, 200, 255]));
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
