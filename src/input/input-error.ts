/** A request that cannot be carried out as it is written: which name in it is wrong, and how. */
import { EmilieError } from "../errors.ts";

export type InputProblem = "unknown" | "repeated" | "missing" | "invalid";

export class InputError extends EmilieError {
  constructor(
    /** The name as the API knows it, or as it was given where it is unknown; "" for the request as a whole. */
    readonly param: string,
    readonly problem: InputProblem,
    message: string,
  ) {
    super("option.invalid", message);
  }
}

/** Outside text for a message: quoted, escaped, and not too long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
