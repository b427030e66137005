/** The inference process: the server's child, which holds the model. It ends when the server does. */
import { EmilieError, isEmilieError } from "../../errors.ts";
import { encodePng, readPicture } from "../../images/codec.node.ts";
import { checkPictureSize } from "../../images/encode.node.ts";
import type { EditModel } from "../../method/edit-model.ts";
import type { LoadProgress, NodeDevice } from "../../models/load.node.ts";
import { packSession } from "../../session/file/pack.node.ts";
import { openSession } from "../../session/open.node.ts";
import type { Loading } from "../schemas/index.ts";
import { checkSession } from "./check-session.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { compare, difference, findRelevance, render, understand } from "./look.ts";
import { makeMask } from "./masks.ts";
import { ModelSlot } from "./model-slot.ts";
import type { Watch } from "./previews.ts";
import {
  type FromWorker,
  type Method,
  NeedsSession,
  type Params,
  type Result,
  type ToWorker,
} from "./protocol.ts";
import { runEdit } from "./run-edit.ts";
import { runReplay } from "./run-replay.ts";
import { SessionCache } from "./session-cache.ts";

startHeartbeat();

const MEMORY_REPORT_MS = 500;

const send = (message: FromWorker) => void process.send!(message);
const running = new Map<number, { controller: AbortController; kept: boolean }>();
const cache = new SessionCache();
const slot = new ModelSlot(
  { device: process.argv[2] as NodeDevice | undefined, previewVae: process.argv[3] },
  () => cache.clear(),
  (model, progress) => send({ kind: "loading", model, loading: progress && loadingOf(progress) }),
);

function loadingOf({ what, bytes, totalBytes, secondsLeft }: LoadProgress): Loading {
  return { what, bytes, totalBytes, secondsLeft };
}

async function call(method: Method, params: unknown, watch: Watch): Promise<unknown> {
  if (method === "mask") return makeMask(params as Params<"mask">);
  if (method === "check") return checkSession(params as Params<"check">);
  const { model } = params as { model: string };
  const asked: Exclude<Method, "mask" | "check"> = method;
  return slot.use<unknown>(model, work, watch.signal);

  function work(loaded: EditModel): Promise<unknown> {
    if (watch.signal.aborted) throw new EmilieError("aborted", "the job was cancelled before its first step");
    switch (asked) {
      case "load":
        return Promise.resolve(namesOf(loaded));
      case "open":
        return open(params as Params<"open">);
      case "edit":
        return runEdit(loaded, cache, params as Params<"edit">, watch);
      case "replay":
        return runReplay(loaded, cache, params as Params<"replay">, watch);
      case "relevance":
        return findRelevance(loaded, cache, params as Params<"relevance">, watch.signal);
      case "understand":
        return understand(loaded, cache, params as Params<"understand">, watch.signal);
      case "render":
        return render(loaded, cache, params as Params<"render">);
      case "compare":
        return compare(loaded, cache, params as Params<"compare">);
      case "difference":
        return difference(loaded, cache, params as Params<"difference">);
    }

    async function open(params: Params<"open">): Promise<Result<"open">> {
      const { session: id, picture, workingSize, maxPixels } = params;
      await checkPictureSize(picture, maxPixels);
      const warnings: string[] = [];
      const onWarning = (message: string) => void warnings.push(message);
      const session = await openSession(loaded, await readPicture(picture, { onWarning }), { workingSize });
      cache.add(id, session);
      const familiar = await session.isFamiliar();
      return { ...(await packSession(session)), png: await encodePng(session.original), warnings, familiar };
    }
  }
}

async function answer(id: number, method: Method, params: unknown): Promise<void> {
  const job = { controller: new AbortController(), kept: false };
  running.set(id, job);
  const watch: Watch = {
    keep: () => job.kept,
    signal: job.controller.signal,
    send: (event) => send({ kind: "event", id, event }),
  };
  try {
    send({ kind: "result", id, result: await call(method, params, watch) });
  } catch (error) {
    if (error instanceof NeedsSession) return send({ kind: "needs-session", id });
    const code = isEmilieError(error) ? error.code : "runtime.failed";
    send({ kind: "error", id, code, message: error instanceof Error ? error.message : String(error) });
  } finally {
    running.delete(id);
  }
}

process.on("message", (message: ToWorker) => {
  switch (message.kind) {
    case "call":
      void answer(message.id, message.method, message.params);
      break;
    case "cancel":
      running.get(message.id)?.controller.abort();
      break;
    case "keep": {
      const job = running.get(message.id);
      if (job) job.kept = true;
    }
  }
});
// Ctrl-C reaches the whole group of processes; it is the server that decides when this one ends.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit(0));
setInterval(() => send({ kind: "memory", bytes: process.memoryUsage.rss() }), MEMORY_REPORT_MS).unref();
send({ kind: "ready" });

/** Of a loaded model what goes to the server. */
function namesOf({ fingerprint, olderFingerprints }: EditModel): Result<"load"> {
  return { fingerprint, olderFingerprints };
}
