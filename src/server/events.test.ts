import { expect, it } from "vitest";
import { EventLog } from "./events.ts";
import type { ModelInfo, ServerEvent } from "./schemas/index.ts";

const model = (loading: ModelInfo["loading"]) =>
  ({ type: "model", model: { id: "m", loading } as ModelInfo, selected: "m" }) satisfies ServerEvent;
const deleted = { type: "session-deleted", session: "s" } satisfies ServerEvent;

it("who follows a job hears what is made of a model before it can run, and nothing of others", async () => {
  const events = new EventLog();
  const before = events.last;
  const making = model({ what: "the int8 weights of m", bytes: 1, totalBytes: 4, secondsLeft: 3 });
  for (const event of [deleted, model(null), making]) events.emit(event);
  const stop = new AbortController();
  const heard: ServerEvent[] = [];
  for await (const { event } of events.follow({ job: "j" }, before, stop.signal)) {
    heard.push(event);
    stop.abort();
  }
  expect(heard).toEqual([making]);
});
