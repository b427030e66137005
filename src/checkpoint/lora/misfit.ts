/** The error of a LoRA whose modules the checkpoint does not have, or not in that shape. */
import { EmilieError } from "../../errors.ts";

export function misfit(path: string, problems: readonly string[], all: number): EmilieError {
  const shown = problems.slice(0, 4).join("; ");
  const rest = problems.length > 4 ? `; and ${problems.length - 4} more of ${all}` : "";
  return new EmilieError(
    "checkpoint.unsupported",
    `The LoRA ${path} was made for another architecture: ${shown}${rest}. Nothing of it was merged.`,
  );
}
