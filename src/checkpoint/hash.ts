/** SHA-256 as lower-case hex, by the platform's own implementation. */
export async function sha256(parts: readonly (Uint8Array | string)[]): Promise<string> {
  const bytes = parts.map((p) => (typeof p === "string" ? new TextEncoder().encode(p) : p));
  const all = new Uint8Array(bytes.reduce((sum, b) => sum + b.length, 0));
  let position = 0;
  for (const b of bytes) {
    all.set(b, position);
    position += b.length;
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", all));
  return Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
}
