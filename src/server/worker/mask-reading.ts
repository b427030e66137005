/**
 * What of an uploaded picture is the mask: its brightness exactly as it is, its brightness from darkest to brightest, or its alpha
 * (transparent = edit, as in OpenAI's API).
 */
export const MASK_CHANNELS = ["luma", "stretch", "alpha"] as const;
export interface MaskReading {
  /** Default: white = edit, and what cannot be meant so is asked about. */
  readonly channel?: (typeof MASK_CHANNELS)[number];
  readonly invert?: boolean;
}
