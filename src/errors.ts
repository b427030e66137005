/**
 * Every error this package throws on purpose. A code for programs, a sentence for people: what was expected,
 * what was given, and what to do about it.
 */
export type ErrorCode =
  | "checkpoint.missing" // a file or tensor that must be there is not
  | "checkpoint.malformed" // a file that cannot be what it claims to be
  | "checkpoint.unsupported" // a configuration value this version does not implement
  | "checkpoint.unsafe" // pickles and other formats that run code
  | "image.unreadable"
  | "image.too-large"
  | "mask.invalid"
  | "option.invalid"
  | "runtime.missing" // onnxruntime is not installed
  | "runtime.failed"
  | "aborted"
  | "disposed"
  | "io.failed";

export class EmilieError extends Error {
  override readonly name = "EmilieError";
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** True for errors of this package, also across realms and worker boundaries (where instanceof fails). */
export function isEmilieError(error: unknown): error is EmilieError {
  return error instanceof Error && error.name === "EmilieError" && "code" in error;
}
