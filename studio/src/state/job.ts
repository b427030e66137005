/** The one job that runs: its progress, stopping it, keeping its preview, and what a screen reader hears of it. */
import type { Call, CallState, Progress } from "../backend/backend.ts";
import { t } from "../words/index.ts";
import { describe, get, notify, set, wasAborted } from "./store.ts";
import type { Job } from "./types.ts";

let running: AbortController | null = null;
let keeping: AbortController | null = null;

export const isRunning = (): boolean => running !== null;

/** Ends the edit that runs with what its preview shows. */
export function keep(): void {
  keeping?.abort();
}

export function stop(): void {
  if (!running) return;
  running.abort();
  set(({ job }) => ({ job: job && { ...job, stopping: true } }));
}

/** Called once at the start, at each quarter of the way, and at the end: not at every step. */
export function say(said: string): void {
  set({ said });
}

/**
 * The session is left. What this page computes ends with it; what a server computes goes on there, and is followed again by whoever
 * comes back.
 */
export function leaveJob(): void {
  if (get().backend.kind === "page") running?.abort();
  [running, keeping] = [null, null];
  set({ job: null });
}

/** How a job came out; "ended": it was stopped or failed; "left": its session was left meanwhile, and nothing is to be done. */
export type Outcome = "done" | "ended" | "left";

/** Runs `action` as the one job. */
export async function run(
  job: Pick<Job, "kind" | "title" | "steps" | "count">,
  action: (call: Call, next: (index: number) => void) => Promise<void>,
  again?: () => void,
): Promise<Outcome> {
  if (running) return "ended";
  const controller = new AbortController();
  const kept = new AbortController();
  [running, keeping] = [controller, kept];
  const isLeft = () => running !== controller;
  const change = (changes: (job: Job) => Partial<Job>) =>
    set(({ job }) => (job && !isLeft() ? { job: { ...job, ...changes(job) } } : {}));
  set({
    job: {
      ...job,
      ...{ step: 0, index: 1, secondsLeft: null, preview: null, stopping: false },
      ...{ connected: true, position: null, making: null },
    },
    compare: null,
    panel: null,
  });
  say(t.started(job.title));
  let [first, quarter] = [performance.now(), 0];
  const onProgress = ({ step, steps, preview }: Progress) => {
    if (isLeft()) return;
    const now = performance.now();
    // The first step also makes the session of the network, so it says little about the others.
    if (step === 1) first = now;
    const pace = step > 1 ? (now - first) / (step - 1) : null;
    change((job) => {
      const rest = steps - step + (job.count - job.index) * steps;
      const secondsLeft = pace === null ? null : (pace * rest) / 1000;
      return { step, steps, secondsLeft, preview: preview ?? job.preview, making: null };
    });
    const { index = 1, count = 1 } = get().job ?? {};
    const reached = Math.floor((4 * (index - 1 + step / steps)) / count);
    if (reached > quarter && reached < 4) say(t.format.percent(reached / 4));
    quarter = Math.max(quarter, reached);
  };
  const next = (index: number) => {
    first = performance.now();
    change(() => ({ index, step: 0, preview: null }));
  };
  try {
    const onRemark = (remark: string) => void (isLeft() || notify("info", remark));
    const onState = (state: CallState) => change(() => state);
    await action({ signal: controller.signal, keep: kept.signal, onProgress, onRemark, onState }, next);
    return isLeft() ? "left" : "done";
  } catch (error) {
    if (isLeft()) return "left";
    say(t.ended);
    if (!wasAborted(error)) {
      console.error(error);
      notify("error", describe(error), again && { label: t.tryAgain, run: again });
    }
    return "ended";
  } finally {
    if (!isLeft()) {
      [running, keeping] = [null, null];
      set({ job: null });
    }
  }
}
