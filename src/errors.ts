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
  | "mask.ambiguous" // a mask that could be meant in more than one way; the message says what to write for each
  | "option.invalid"
  | "edit.too-large" // more of a picture at once than the model can do: a mask is missing, or too large
  | "bench.missing" // the package of the benchmark is not installed, or is of another version
  | "dataset.invalid" // a benchmark's dataset is not as its layout says; which item and turn
  | "study.invalid" // not a preference study, or one whose pictures are no longer those it was made from
  | "session.malformed" // not an emilie session, or too damaged to open
  | "session.damaged" // a part that was lost with the file's damage is asked for
  | "session.version" // written by another version of the format
  | "session.changed" // the file is not the one that was read
  | "session.model" // made with other weights, or with a model that is not there
  | "runtime.missing" // onnxruntime is not installed
  | "runtime.failed"
  | "runtime.memory" // the worker ran out of memory
  | "hub.missing" // no such repository, revision or file on the hub
  | "hub.denied" // gated, or the token may not read it
  | "hub.offline" // HF_HUB_OFFLINE is set, and the cache does not have it
  | "hub.unreachable" // no connection, or none that lasts
  | "hub.malformed" // an answer that no hub gives, or that is not safe to follow
  | "hub.corrupt" // what arrived is not what was promised
  | "server.unreachable" // nobody answers there
  | "server.denied" // no token, or a page of another origin
  | "server.missing" // no such session, node, mask, job or model
  | "server.busy" // too many requests, or the data folder belongs to another server
  | "queue.full" // too many jobs are waiting
  | "job.interrupted" // the worker or the server ended twice while the job ran
  | "job.lost" // another worker has the job: this one was silent for too long, and what it made is not taken
  | "database.missing" // pg, pg-boss or the bucket's client is not installed
  | "database.unreachable" // no database answers there, or none that lasts
  | "database.version" // its tables are of another version than this program
  | "aborted"
  | "disposed"
  | "io.exists" // a file is there that was not written for this session, and is left as it is
  | "io.failed";

/** What this package throws: `code` for programs, `message` for people. {@link isEmilieError} recognises it everywhere. */
export class EmilieError extends Error {
  /** "EmilieError", by which it is recognised across realms. */
  override readonly name = "EmilieError";
  /** An error; `cause` in the options is the one below it, where there is one. */
  constructor(
    /** What went wrong, in one word for programs. */
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
