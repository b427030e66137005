/** The messages between an engine and its worker: one answer for every request, in order. */
import type { ErrorCode } from "../errors.ts";
import type { Device } from "../method/edit-model.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Feeds, SessionOptions } from "./engine.ts";

export type Request =
  | { readonly kind: "create"; readonly model: Uint8Array; readonly options: SessionOptions }
  | { readonly kind: "run"; readonly session: number; readonly feeds: Feeds }
  | { readonly kind: "release"; readonly session: number };

/** What a worker is told in the place of a request where it is to end itself. */
export const END = "end";

/** What a web worker says once it holds its lock, by which its page learns when it has ended. */
export const HELD = "held";

export interface RequestMessage {
  readonly id: number;
  readonly request: Request;
}

export interface AnswerMessage {
  readonly id: number;
  readonly session?: number;
  readonly outputs?: Record<string, Tensor>;
  /** Where that was done. */
  readonly device?: Device;
  /** An EmilieError loses its class on the way, so it travels as its parts. */
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}
