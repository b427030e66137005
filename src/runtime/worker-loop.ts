/** The worker's side: sessions of ONNX Runtime, asked for by messages and answered in order. */
import type { InferenceSession, Tensor as OrtTensor, TypedTensor } from "onnxruntime-node";
import { EmilieError, isEmilieError } from "../errors.ts";
import type { Device } from "../method/edit-model.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Feeds, SessionOptions } from "./engine.ts";
import type { AnswerMessage, Request, RequestMessage } from "./protocol.ts";

/** The part of onnxruntime-common that both runtimes share. */
export interface Ort {
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: {
    new (type: "float32", data: Float32Array, dims: readonly number[]): TypedTensor<"float32">;
    new (type: "int32", data: Int32Array, dims: readonly number[]): TypedTensor<"int32">;
  };
}

export interface Backend {
  readonly device: Device["name"];
  /** What is said, after the reason, where it had to take over. */
  readonly note?: string;
  /** Loads the runtime; throws "runtime.missing" with what to do. */
  load(): Promise<Ort>;
  options(options: SessionOptions): InferenceSession.SessionOptions;
}

type Create = Extract<Request, { kind: "create" }>;

interface Made {
  readonly ort: Ort;
  readonly session: InferenceSession;
  readonly backend: number;
  /** What it was made of, where another backend may have to make it again. */
  readonly from: Create | null;
}

/**
 * Answers requests with `post`, by the first of `backends` that can. Where one fails, the next has its turn from there
 * on, and makes again what is run next. Returns the function to call with each message.
 */
export function serve(
  backends: readonly Backend[],
  post: (answer: AnswerMessage) => void,
): (message: RequestMessage) => void {
  const sessions = new Map<number, Made>();
  const runtimes = new Map<number, Promise<Ort>>();
  let current = 0;
  let reason: string | undefined;
  let last: Promise<void> = Promise.resolve();

  const isLast = (backend: number) => backend + 1 >= backends.length;

  function giveUp(backend: number, error: unknown): void {
    if (isLast(backend)) throw error;
    if (backend !== current) return;
    current++;
    reason = error instanceof Error ? error.message : String(error);
  }

  async function make(from: Create): Promise<Made> {
    const backend = current;
    const { load, options, device } = backends[backend]!;
    const model = (isCard(device) && from.options.plain) || from.model;
    try {
      if (!runtimes.has(backend)) runtimes.set(backend, load());
      const ort = await runtimes.get(backend)!;
      const session = await ort.InferenceSession.create(model, options(from.options));
      return { ort, session, backend, from: isLast(backend) ? null : from };
    } catch (error) {
      giveUp(backend, error);
      return make(from);
    }
  }

  async function run(id: number, feeds: Feeds): Promise<Record<string, Tensor>> {
    const { ort, session, backend, from } = sessions.get(id)!;
    try {
      const outputs = toTensors(await session.run(toFeeds(ort, feeds)));
      if (from) requireNumbers(outputs);
      return outputs;
    } catch (error) {
      giveUp(backend, error);
      await session.release().catch(() => {}); // a lost device cannot
      sessions.set(id, await make(from!));
      return run(id, feeds);
    }
  }

  async function answer(id: number, request: Request): Promise<AnswerMessage> {
    if (request.kind === "create") {
      const made = await make(request);
      sessions.set(id, made);
      return { id, session: id, device: device(made) };
    }
    const made = sessions.get(request.session);
    if (!made) throw new EmilieError("disposed", "The session was released.");
    if (request.kind === "release") {
      sessions.delete(request.session);
      await made.session.release();
      return { id };
    }
    const outputs = await run(request.session, request.feeds);
    return { id, outputs, device: device(sessions.get(request.session)!) };
  }

  function device({ backend }: Made): Device {
    const { device: name, note } = backends[backend]!;
    return backend > 0 && reason ? { name, reason: note ? `${reason} ${note}` : reason } : { name };
  }

  return ({ id, request }) => {
    last = last.then(async () => {
      try {
        post(await answer(id, request));
      } catch (error) {
        post({ id, error: described(error, request.kind) });
      }
    });
  };
}

function isCard(device: Device["name"]): boolean {
  return device === "webgpu" || device === "cuda";
}

function toFeeds(ort: Ort, feeds: Feeds): Record<string, OrtTensor> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { data, shape }]) => [
      name,
      data instanceof Int32Array
        ? new ort.Tensor("int32", data, shape)
        : new ort.Tensor("float32", data, shape),
    ]),
  );
}

function toTensors(outputs: InferenceSession.OnnxValueMapType): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [
      name,
      { data: value.data as Float32Array, shape: [...value.dims] },
    ]),
  );
}

/** A graphics card's driver that computes wrongly does not say so. */
function requireNumbers(outputs: Record<string, Tensor>): void {
  for (const [name, { data }] of Object.entries(outputs)) {
    if (!data.every(Number.isFinite)) throw new Error(`${name} came out with values that are no numbers`);
  }
}

function described(error: unknown, kind: Request["kind"]): NonNullable<AnswerMessage["error"]> {
  if (isEmilieError(error)) return { code: error.code, message: error.message };
  const what = kind === "create" ? "create a session for the graph" : `${kind} the session`;
  return { code: "runtime.failed", message: `ONNX Runtime could not ${what}: ${error}` };
}
