/** A recipe says everything an edit's result depends on, so that it can be done again bit for bit (method, invariant 5). */
import type { Mask } from "../images/mask.ts";

export interface RecipeRegion {
  readonly instruction: string;
  readonly weight?: number;
  /** Size of the mask and a hash over its values; null: everywhere. */
  readonly mask: { readonly width: number; readonly height: number; readonly sha256: string } | null;
}

export interface Recipe {
  readonly version: 1;
  readonly model: { readonly id: string; readonly fingerprint: string };
  /** Id of the node that was edited. */
  readonly parent: string;
  readonly regions: readonly RecipeRegion[];
  /** Decimal, since seeds reach 2⁶⁴ − 1. */
  readonly seed: string;
  readonly steps: number;
  readonly sampler: string;
  readonly textGuidance: number;
  readonly imageGuidance: number;
  readonly control: string;
  readonly base: string;
}

/** SHA-256 as lower-case hex. */
export async function sha256(data: Uint8Array | string): Promise<string> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
}

export async function describeMask(mask: Mask): Promise<NonNullable<RecipeRegion["mask"]>> {
  const { width, height, data } = mask;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { width, height, sha256: await sha256(bytes) };
}

/** The id of the node that a recipe makes: twelve hex digits of its hash. The parent's id is part of the recipe. */
export async function nodeId(recipe: Recipe): Promise<string> {
  return (await sha256(JSON.stringify(recipe))).slice(0, 12);
}
