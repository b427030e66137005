/** SHA-256 as lower-case hex, by the platform's own implementation; of several parts, of one after the other. */
import { concatBytes } from "./bytes.ts";

type Part = Uint8Array | string;

export async function sha256(data: Part | readonly Part[]): Promise<string> {
  const parts = typeof data === "string" || data instanceof Uint8Array ? [data] : data;
  const [first, ...rest] = parts.map((part) =>
    typeof part === "string" ? new TextEncoder().encode(part) : part,
  );
  // Latents and pictures are hashed where they lie.
  const bytes = first && rest.length === 0 ? first : concatBytes(first ? [first, ...rest] : []);
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
