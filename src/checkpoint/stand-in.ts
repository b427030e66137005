/** What sometimes lies in the place of a checkpoint's file, told by its beginning. */
import { EmilieError } from "../errors.ts";

/** Enough of a file to tell. */
export const BEGINNING_BYTES = 64;

/**
 * Throws "checkpoint.malformed" or "checkpoint.unsafe" with what to do where `beginning` is that of a Git LFS pointer, of a page that a
 * server has sent, or of a pickle.
 */
export function refuseStandIn(path: string, beginning: string | Uint8Array): void {
  const bytes = typeof beginning === "string" ? null : beginning;
  const text = (
    typeof beginning === "string"
      ? beginning.slice(0, BEGINNING_BYTES)
      : new TextDecoder("latin1").decode(beginning)
  ).replace(/^(?:\uFEFF|ï»¿)?\s*/, "");
  if (/^version https:\/\/(?:git-lfs|hawser)\b/.test(text)) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path} is a Git LFS pointer instead of the file itself: the repository was cloned without its large files. ` +
        'Run "git lfs install" and "git lfs pull" in its folder, or fetch the model with emilie pull OWNER/NAME.',
    );
  }
  if (/^<(?:!doctype|html|head|\?xml|!--)/i.test(text)) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path} is a web page (HTML or XML) that was saved under this name, as happens if a download requires a login or was not found. ` +
        "Fetch it again, with emilie pull OWNER/NAME or from the file's own download link.",
    );
  }
  const zip = text.startsWith("PK\u0003\u0004");
  if (zip || (bytes?.[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5)) {
    throw new EmilieError(
      "checkpoint.unsafe",
      `${path} is a pickle under the name of a safetensors file. It can run any code when it is read, so it is not opened. Convert it once, ` +
        "where you trust it: safetensors.torch.save_file(torch.load(file, weights_only=True), file).",
    );
  }
}
