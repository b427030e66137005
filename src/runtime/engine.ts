/**
 * What the models ask of a runtime: sessions made of an ONNX graph and the files its weights are in. Implementations
 * run in a worker (node.ts, web.ts), because ONNX Runtime's create and run block the thread they are called on.
 */
import type { Device } from "../method/edit-model.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Token ids and other integers. */
export interface IntTensor {
  readonly data: Int32Array;
  readonly shape: readonly number[];
}

export type Feeds = Readonly<Record<string, Tensor | IntTensor>>;

export interface ExternalFile {
  readonly location: string;
  /** The file's bytes, for a runtime that cannot open the location itself. */
  readonly data?: Uint8Array | Blob;
}

export interface SessionOptions {
  readonly files?: readonly ExternalFile[];
  /** The same graph in the plain dialect, for graphics cards. */
  readonly plain?: Uint8Array;
  /** Folder that the locations in the graph are relative to, for a runtime that opens files itself. */
  readonly root?: string;
  /**
   * Whether the weights of matrix products are copied into the order in which they are read: a few per cent faster,
   * and 150 MB more memory for a UNet of 860 M parameters. Default true.
   */
  readonly prepack?: boolean;
  /**
   * Whether memory of intermediate results goes back to the system as soon as it is free, where it would otherwise be kept for
   * the next run. Asking for it anew costs a few per cent of the time. Default false.
   */
  readonly frugal?: boolean;
}

export interface Session {
  /** Whether its worker has ended: it runs no more, and another has to be made. Absent: it is not lost. */
  readonly lost?: boolean;
  /** All outputs by name. Rejects with code "runtime.failed". */
  run(feeds: Feeds): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

export interface Engine {
  /** Whether sessions are to be given SessionOptions.plain. */
  readonly wantsPlain?: boolean;
  /** Bytes of memory that there are for this process, those in use among them; undefined where that is not known. */
  readonly memoryBytes?: number;
  /** Where the last session was made or run; undefined before the first. */
  readonly device?: Device;
  /** Calls are carried out one after the other, in the order in which they were made. */
  createSession(model: Uint8Array, options?: SessionOptions): Promise<Session>;
  /** Ends the worker, on Node when the call that it is in has returned. Pending and later calls reject with code "disposed" at once. */
  dispose(): Promise<void>;
}
