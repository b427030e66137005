/** Errors as answers: a status, and the shape that the caller's API has for them. */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { EmilieError, type ErrorCode, isEmilieError } from "../errors.ts";
import { InputError, type InputProblem } from "../input/input-error.ts";
import type { Metrics } from "./metrics.ts";
import { withoutPaths } from "./private-paths.ts";

const STATUS: Readonly<Record<string, ContentfulStatusCode>> = {
  "server.missing": 404,
  "checkpoint.missing": 404,
  "hub.missing": 404,
  "server.denied": 403,
  "image.too-large": 413,
  "edit.too-large": 413,
  "queue.full": 429,
  "server.busy": 429,
  "session.changed": 409,
  "runtime.memory": 507,
  "machine.too-small": 507,
  "runtime.failed": 500,
  "runtime.missing": 500,
  "io.failed": 500,
  "hub.unreachable": 502,
  "hub.malformed": 502,
  "hub.corrupt": 502,
  "hub.offline": 502,
  disposed: 503,
};

/** A request without its token, or with a wrong one. */
export class Unauthorized extends Error {}

/** An error whose status its code does not say. */
export class RequestError extends EmilieError {
  constructor(
    readonly status: ContentfulStatusCode,
    code: ErrorCode,
    message: string,
  ) {
    super(code, message);
  }
}

export interface ErrorAnswer {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly message: string;
  /** Which name in the request is wrong, and how; absent where it is none of them. */
  readonly input?: InputError;
}

/** How a name in a request is wrong, in OpenAI's words. */
const INPUT_CODES: Readonly<Record<InputProblem, string>> = {
  unknown: "unknown_parameter",
  repeated: "duplicate_parameter",
  missing: "missing_required_parameter",
  invalid: "invalid_value",
};

/** What a client is told. Where that is less than the error says, the log has all of it. */
export function describeError(error: unknown, metrics: Metrics): ErrorAnswer {
  const answer = answerOf(error, metrics);
  const message = withoutPaths(answer.message);
  if (message !== answer.message) metrics.problem(answer.message);
  return { ...answer, message };
}

function answerOf(error: unknown, metrics: Metrics): ErrorAnswer {
  if (error instanceof Unauthorized) return { status: 401, code: "server.denied", message: error.message };
  if (error instanceof InputError)
    return { status: 400, code: error.code, message: error.message, input: error };
  if (error instanceof RequestError)
    return { status: error.status, code: error.code, message: error.message };
  if (isEmilieError(error))
    return { status: STATUS[error.code] ?? 400, code: error.code, message: error.message };
  metrics.problem(error);
  return {
    status: 500,
    code: "runtime.failed",
    message: "An unexpected error occurred in the server. See its log for details.",
  };
}

/** Everything below /v1 speaks as OpenAI does. */
export function answerError(c: Context, answer: ErrorAnswer, retryAfter = 1): Response {
  const { status, code, message, input } = answer;
  if (status === 401) c.header("www-authenticate", "Bearer");
  if (status === 429) c.header("retry-after", `${Math.max(1, Math.ceil(retryAfter))}`);
  if (!c.req.path.startsWith("/v1/")) return c.json({ error: { code, message } }, status);
  const type =
    status === 401
      ? "authentication_error"
      : status === 429
        ? "rate_limit_error"
        : status >= 500
          ? "server_error"
          : "invalid_request_error";
  const param = input?.param || null;
  const openaiCode = input ? param && INPUT_CODES[input.problem] : code;
  return c.json({ error: { message, type, param, code: openaiCode } }, status);
}
