/** Editing: one edit, several variations, a changed step, an automatic mask. One runs at a time. */
import type { Call, CallState, EditRequest, NodeView, Progress, SessionView } from "../backend/backend.ts";
import { toMask } from "../painting/layer.ts";
import { paintedOf } from "../painting/regions.ts";
import { changeRegion, currentRegion, resetRegions, setHeat } from "./mask.ts";
import { loadPictures, removeNodes, show } from "./session.ts";
import { describe, get, newSeed, notify, report, set, wasAborted } from "./store.ts";
import type { Job, Settings } from "./types.ts";

const THRESHOLD = 0.25;

let running: AbortController | null = null;
let keeping: AbortController | null = null;

/** Ends the edit that runs with what its preview shows. */
export function keep(): void {
  keeping?.abort();
}

export function stop(): void {
  if (!running) return;
  running.abort();
  set(({ job }) => ({ job: job && { ...job, stopping: true } }));
}

/** Runs `action` as the one job; false where it was stopped or failed. */
async function run(
  job: Pick<Job, "kind" | "title" | "steps" | "count">,
  action: (call: Required<Call>, next: (index: number) => void) => Promise<void>,
  again?: () => void,
): Promise<boolean> {
  if (running) return false;
  const controller = new AbortController();
  const kept = new AbortController();
  [running, keeping] = [controller, kept];
  set({
    job: {
      ...job,
      ...{ step: 0, index: 1, secondsLeft: null, preview: null, stopping: false },
      ...{ connected: true, position: null, making: null },
    },
    compare: null,
    panel: null,
  });
  let [started, first] = [performance.now(), performance.now()];
  const onProgress = ({ step, steps, preview }: Progress) => {
    const now = performance.now();
    // The first step also makes the session of the network, so it says little about the others.
    if (step === 1) first = now;
    const pace = step > 1 ? (now - first) / (step - 1) : null;
    set(({ job }) => {
      if (!job) return {};
      const rest = steps - step + (job.count - job.index) * steps;
      const secondsLeft = pace === null ? null : (pace * rest) / 1000;
      return { job: { ...job, step, steps, secondsLeft, preview: preview ?? job.preview, making: null } };
    });
  };
  try {
    const onRemark = (remark: string) => notify("info", remark);
    const onState = (state: CallState) => set(({ job }) => ({ job: job && { ...job, ...state } }));
    const call = { signal: controller.signal, keep: kept.signal, onProgress, onRemark, onState };
    await action(call, (index) => {
      started = performance.now();
      first = started;
      set(({ job }) => ({ job: job && { ...job, index, step: 0, preview: null } }));
    });
    return true;
  } catch (error) {
    if (!wasAborted(error)) {
      console.error(error);
      notify("error", describe(error), again && { label: "Try again", run: again });
    }
    return false;
  } finally {
    [running, keeping] = [null, null];
    set({ job: null });
  }
}

function requestOf(from: string, settings: Settings): EditRequest | null {
  const { regions } = get();
  const asked = regions
    .map((r) => ({ ...r, instruction: r.instruction.trim() }))
    .filter((r) => r.instruction !== "");
  if (asked.length === 0) return null;
  const { preset, steps, sampler, textGuidance, imageGuidance, control, strength, gate, seed } = settings;
  return {
    from,
    seed,
    strength,
    preset,
    steps,
    sampler,
    textGuidance,
    imageGuidance,
    control,
    gate,
    regions: asked.map(({ id, instruction, masked }) => {
      const own = masked ? paintedOf(id) : undefined;
      return { instruction, mask: own && toMask(own.layer) };
    }),
  };
}

export async function edit(): Promise<void> {
  const { backend, session, settings, models, model, regions, painted } = get();
  if (!session || running) return;
  const request = requestOf(session.head, settings);
  if (!request) {
    notify("info", "Say what should change first.");
    document.getElementById("instruction")?.focus();
    return;
  }
  const title = request.regions.map((r) => r.instruction).join(" + ");
  remember(title);
  const steps = settings.steps ?? models.find(({ id }) => id === model)?.presets[settings.preset].steps ?? 20;
  const count = settings.variations;
  const before = new Set(session.nodes.map(({ id }) => id));
  let view: SessionView | null = null;
  const made: string[] = [];
  const done = await run(
    { kind: count > 1 ? "variations" : "edit", title, steps, count },
    async (call, next) => {
      for (let i = 0; i < count; i++) {
        if (i > 0) next(i + 1);
        view = await backend.edit(session.id, { ...request, seed: request.seed + BigInt(i) }, call);
        if (!before.has(view.head)) made.push(view.head);
      }
      // The picture is there before the preview goes.
      await show(view!);
    },
    () => void edit(),
  );
  if (!done) {
    // What was finished before the stop stays.
    if (made.length > 0 && view) await show(view);
    if (made.length > 1) await offer(made);
    return;
  }
  const head = view!.nodes.find(({ id }) => id === view!.head)!;
  if (made.includes(head.id) && !head.understood) return decline(head);
  // Words, places and seed have served only where a step came of them, and are still those that were asked for.
  if (made.length > 0) {
    const same = get().settings.seed === settings.seed;
    if (same && !settings.seedLocked) set(({ settings }) => ({ settings: { ...settings, seed: newSeed() } }));
    if (get().regions === regions && get().painted === painted) resetRegions();
  }
  if (made.length > 1) await offer(made);
  await judge(view!, before);
}

/**
 * The model has no such edit: the step that says so is taken away again, the words stay to be changed, and the nearest that it knows is a click
 * away.
 */
async function decline({ id, refused }: NodeView): Promise<void> {
  await removeNodes([id]);
  const [{ instruction, message, nearest }] = refused as [NodeView["refused"][number]];
  const known = nearest.map((one) => `“${one}”`).join(", ");
  const region = currentRegion().id;
  notify(
    "info",
    `“${instruction}” was not done. ${message}${known ? ` It knows: ${known}.` : ""}`,
    nearest[0] === undefined
      ? undefined
      : { label: `Take “${nearest[0]}”`, run: () => changeRegion(region, { instruction: nearest[0] }) },
  );
}

async function offer(made: readonly string[]): Promise<void> {
  set({ variations: made });
  await loadPictures().catch(report);
}

/** Measures how far the new picture has come, and says so where nothing has changed. */
async function judge(view: SessionView, before: ReadonlySet<string>): Promise<void> {
  const { backend, settings } = get();
  const head = view.nodes.find(({ id }) => id === view.head)!;
  if (before.has(head.id)) {
    notify(
      "info",
      "This exact edit was made before, so it was not computed again. Change the seed for another result.",
    );
    return;
  }
  try {
    const measured = await backend.measure(view.id, head.id);
    if (get().session?.id === view.id && get().session?.head === head.id) await show(measured);
    const inside = measured.nodes.find(({ id }) => id === head.id)?.drift?.parent.inside;
    // On average over what changed: a small thing in a large picture is not hardly anything.
    if (!inside || inside.mae * inside.pixels > inside.changedPixels) return;
    const hint =
      settings.strength < 1 ? "Try it with more strength" : "Try other words, a mask, or more text guidance";
    notify("info", `Hardly anything changed. ${hint}, or another seed.`);
  } catch (error) {
    report(error);
  }
}

/** Keeps one variation and removes the others; null keeps them all as branches. */
export async function choose(node: string | null): Promise<void> {
  const { variations, session, backend } = get();
  set({ variations: [] });
  if (!session || node === null) return;
  try {
    await show(await backend.moveHead(session.id, node));
    await removeNodes(variations.filter((id) => id !== node));
  } catch (error) {
    report(error);
  }
}

export async function changeStep(
  node: string,
  changes: Partial<Settings> & { instruction?: string },
): Promise<void> {
  const { backend, session } = get();
  if (!session) return;
  const old = session.nodes.find(({ id }) => id === node);
  const steps = old?.settings?.steps ?? 20;
  const following = descendants(session, node).length;
  await run(
    { kind: "replay", title: changes.instruction ?? old?.instruction ?? "", steps, count: following },
    async (call, next) => {
      let [index, last] = [1, 0];
      const onProgress = (progress: Progress) => {
        if (progress.step < last) next(++index);
        last = progress.step;
        call.onProgress(progress);
      };
      await show(await backend.replay(session.id, { node, ...changes }, { ...call, onProgress }));
    },
  );
}

export function descendants(session: SessionView, node: string): string[] {
  const found = new Set([node]);
  for (const { id, parent } of session.nodes) if (parent && found.has(parent)) found.add(id);
  return [...found];
}

/** Goes on with what still runs in this session, begun by a page that was left or closed. */
export async function attach(): Promise<void> {
  const { backend, session } = get();
  if (!session || running) return;
  const found = await backend.running?.(session.id).catch(() => null);
  if (!found || running || get().session?.id !== session.id) return;
  await run({ kind: "edit", title: found.title, steps: 0, count: 1 }, async (call) => {
    const view = await found.follow(call);
    if (get().session?.id === view.id) await show(view);
  });
}

export async function findPlace(): Promise<void> {
  const { backend, session } = get();
  const region = currentRegion();
  if (!session || running) return;
  const instruction = region.instruction.trim();
  if (!instruction) {
    notify("info", "Say first what should change; then emilie can look where that would be.");
    document.getElementById("instruction")?.focus();
    return;
  }
  await run({ kind: "heat", title: "Looking for the place", steps: 0, count: 1 }, async ({ signal }) => {
    const heat = await backend.heat(session.id, session.head, instruction, { signal });
    changeRegion(region.id, { instruction });
    set(({ tool }) => ({ tool: tool === "move" ? "brush" : tool }));
    setHeat(region.id, heat, THRESHOLD);
  });
}

const PAST = "emilie.instructions";

export function loadPast(): void {
  try {
    const past: unknown = JSON.parse(localStorage.getItem(PAST) ?? "[]");
    if (Array.isArray(past)) set({ past: past.filter((one) => typeof one === "string") });
  } catch {
    // Somebody else's, or damaged: an empty history is no loss worth a message.
  }
}

function remember(instruction: string): void {
  const past = [instruction, ...get().past.filter((one) => one !== instruction)].slice(0, 50);
  set({ past });
  try {
    localStorage.setItem(PAST, JSON.stringify(past));
  } catch {
    // Full; the list lives on in the page.
  }
}

export function changeSettings(changes: Partial<Settings>): void {
  set(({ settings }) => ({ settings: { ...settings, ...changes } }));
}
