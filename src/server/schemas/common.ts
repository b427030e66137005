/** What all messages of the API share. Everything that a request may name is checked here, before anybody uses it. */
import { z } from "@hono/zod-openapi";
import { INSTRUCTION } from "../../method/settings-derived.ts";

const hex = (digits: number) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`), `expected ${digits} hex digits`);

export const sessionId = hex(16).openapi({ example: "5f0c9b1e7a2d4c38" });
export const nodeId = hex(12).openapi({ example: "3fd1c0ffee42" });
export const jobId = hex(16).openapi({ example: "9a31b5c2d4e6f708" });
/** The SHA-256 of a mask's values at the picture's size: the name under which recipes know it. */
export const maskId = hex(64);
/** Shown in lists; kept as it was typed, without spaces at its ends. */
export const name = z.string().trim().max(200);
export const instruction = INSTRUCTION.trim().openapi({ example: "make it winter" });
/** When something happened: milliseconds since 1970. */
export const time = z.number().int().min(0);

export const warnings = z.array(z.string()).openapi({
  description:
    "Conditions that are not errors: a mask that allows no change, frames of an animation that are not edited",
});

export const errorSchema = z
  .object({
    error: z.object({
      code: z.string().openapi({
        example: "option.invalid",
        description: "For programs; the codes are listed in docs/server.md",
      }),
      message: z
        .string()
        .openapi({ description: "For people: what was expected, what was given, what to do" }),
    }),
  })
  .openapi("Error");

const difference = z.object({
  mae: z
    .number()
    .openapi({ description: "Mean absolute difference of the colour channels, in 8-bit levels" }),
  psnr: z.number().nullable().openapi({ description: "In dB; null if nothing differs" }),
  changedPixels: z.number().int(),
  pixels: z.number().int(),
});
export const comparisonSchema = z
  .object({ inside: difference, outside: difference })
  .openapi("Comparison", { description: "What differs inside and outside of the masks between two nodes" });

export type Comparison = z.output<typeof comparisonSchema>;
