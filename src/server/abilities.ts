/** What models can do and what not, in words for a person who chooses one; and pictures to try them on. */

export interface Abilities {
  readonly description: string;
  readonly suggestions: readonly string[];
}

const PICTUREBOOK: Abilities = {
  description:
    "Knows one small drawn world at 128 pixels: a house, trees, a car or boat, a balloon, sun or moon, clouds, hills. It changes " +
    "season, time of day and weather, recolours roof, walls, car, boat and balloon, adds and removes balloon, trees, clouds, car " +
    "and boat. About four of five edits succeed. Photographs and anything outside this world mean nothing to it.",
  suggestions: [
    ...[
      "make it winter",
      "make it night",
      "make it sunset",
      "make it autumn",
      "add fog",
      "make it black and white",
    ],
    ...[
      "paint the roof blue",
      "paint the walls yellow",
      "add a red balloon",
      "add a tree on the left",
      "remove the clouds",
    ],
  ],
};

const INSTRUCT_PIX2PIX: Abilities = {
  description:
    "Edits photographs and drawings by instruction at about 512 pixels: season, weather, time of day, style, material, swapping one " +
    "thing for another. Weak at counting, at text, at moving things and at faces. On a CPU an edit takes minutes.",
  suggestions: [
    ...["make it winter", "turn it into a watercolour painting", "make it sunset"],
    ...[
      "replace the sky with a starry night",
      "make it look like a pencil sketch",
      "make the house out of bricks",
    ],
  ],
};

const UNKNOWN: Abilities = {
  description: "An instruction-following editor that this version of emilie knows nothing particular about.",
  suggestions: ["make it winter", "make it night"],
};

export function abilitiesOf(id: string, family: string | null): Abilities {
  if (id === "picturebook") return PICTUREBOOK;
  return family?.startsWith("InstructPix2Pix") ? INSTRUCT_PIX2PIX : UNKNOWN;
}

/** Offered for download where they are not here. */
export const KNOWN_MODELS = [
  { id: "timbrooks/instruct-pix2pix", family: "InstructPix2Pix (Stable Diffusion 1.x)", nativeSize: 512 },
] as const;

export const EXAMPLES = [
  {
    name: "cottage",
    title: "A cottage",
    suggestions: ["make it winter", "paint the roof blue", "add a red balloon"],
  },
  { name: "lake", title: "A lake", suggestions: ["make it sunset", "add clouds", "make it autumn"] },
  {
    name: "meadow",
    title: "A meadow",
    suggestions: ["make it night", "add a tree on the left", "make it winter"],
  },
  { name: "road", title: "A road", suggestions: ["paint the car red", "add fog", "make it night"] },
] as const;
