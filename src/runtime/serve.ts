/** The worker's side: sessions of ONNX Runtime, asked for by messages and answered in order. */
import type { InferenceSession, Tensor as OrtTensor, TypedTensor } from "onnxruntime-node";
import { EmilieError, isEmilieError } from "../errors.ts";
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
  /** Loads the runtime; throws "runtime.missing" with what to do. */
  load(): Promise<Ort>;
  options(options: SessionOptions): InferenceSession.SessionOptions;
}

/** Answers requests with `post`. Returns the function to call with each message. */
export function serve(
  backend: Backend,
  post: (answer: AnswerMessage) => void,
): (message: RequestMessage) => void {
  const sessions = new Map<number, InferenceSession>();
  let ort: Promise<Ort> | undefined;
  let last: Promise<void> = Promise.resolve();

  async function answer(id: number, request: Request): Promise<AnswerMessage> {
    if (request.kind === "create") {
      ort ??= backend.load();
      const { InferenceSession } = await ort;
      sessions.set(id, await InferenceSession.create(request.model, backend.options(request.options)));
      return { id, session: id };
    }
    const session = sessions.get(request.session);
    if (!session) throw new EmilieError("disposed", "The session was released.");
    if (request.kind === "release") {
      sessions.delete(request.session);
      await session.release();
      return { id };
    }
    return { id, outputs: toTensors(await session.run(toFeeds(await ort!, request.feeds))) };
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

function described(error: unknown, kind: Request["kind"]): NonNullable<AnswerMessage["error"]> {
  if (isEmilieError(error)) return { code: error.code, message: error.message };
  const what = kind === "create" ? "make a session of the graph" : `${kind} the session`;
  return { code: "runtime.failed", message: `ONNX Runtime could not ${what}: ${error}` };
}
