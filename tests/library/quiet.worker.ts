/** What nothing-leaves.test.ts watches: an edit by the library, as a user's program does it, and some time after it. */
import { loadModel, openSession } from "../../src/index.ts";

const [checkpoint, out, seconds] = process.argv.slice(2) as [string, string, string];
const model = await loadModel(checkpoint);
const session = await openSession(model, "examples/cottage.png");
const node = await session.edit("make it winter", { steps: 1 });
await node.save(`${out}/winter.png`);
await node.save(`${out}/winter.jpg`);
await session.save(`${out}/winter.emilie`);
await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1000));
await model.dispose();
