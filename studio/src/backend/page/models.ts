/** What runs in the page, and what would run with a server. */
import {
  CONTROLS,
  type EditDefaults,
  presetsOf as presetNames,
  presetOf,
  samplers,
} from "../../../../src/web.ts";
import type { ModelInfo } from "../backend.ts";

/** InstructPix2Pix's own sampler is assumed where a model does not say how it is run. */
export function presetsOf(defaults: EditDefaults): ModelInfo["presets"] {
  const schedulerConfig = { _class_name: "EulerAncestralDiscreteScheduler" };
  const entries = presetNames({ defaults, schedulerConfig }).map((name) => [
    name,
    presetOf({ defaults, schedulerConfig }, name),
  ]);
  return Object.fromEntries(entries);
}

/** The kinds of edit that picturebook was trained on, in phrasings that it knows; its strong kinds first. */
export const PICTUREBOOK: ModelInfo = {
  id: "picturebook",
  title: "picturebook",
  summary:
    "A small model for drawings of its own world: a house, trees, a car or a boat, a balloon, weather, seasons.",
  can: [
    { title: "Season", instructions: ["make it winter", "make it autumn", "make it summer"] },
    { title: "Time", instructions: ["make it night", "make it sunset", "make it day"] },
    {
      title: "Colour",
      instructions: [
        "paint the roof blue",
        "paint the house yellow",
        "paint the boat green",
        "paint the car purple",
      ],
    },
    {
      title: "Add",
      instructions: [
        "add a red balloon on the left",
        "plant a pine tree on the left",
        "add clouds",
        "add fog",
      ],
    },
    {
      title: "Remove",
      instructions: [
        "remove the clouds",
        "remove the tree on the right",
        "remove the boat",
        "remove the balloon",
      ],
    },
    {
      title: "Exchange",
      instructions: [
        "replace the sun with a moon",
        "turn the left tree into a pine tree",
        "make it black and white",
      ],
    },
  ],
  cannot:
    "It works at 128 pixels and knows nothing else: no photographs, people, animals or rain. Colours that it never saw on a thing often miss, and white on snow gets lost.",
  nativeSize: 128,
  presets: presetsOf({ steps: 8, textGuidance: 1, imageGuidance: 1, sampler: "ddim" }),
  gate: 0.1,
  samplers: Object.keys(samplers),
  controls: CONTROLS,
  bytes: 41_700_000,
};

export const ELSEWHERE: ModelInfo = {
  ...PICTUREBOOK,
  id: "timbrooks/instruct-pix2pix",
  title: "InstructPix2Pix",
  summary:
    "Photographs and anything else, in the words of everyday language. A full-size checkpoint of 3 GB.",
  can: [],
  cannot: "Without a GPU an edit takes minutes.",
  nativeSize: 512,
  presets: presetsOf({}),
  gate: 0,
  bytes: undefined,
  unavailable:
    "Too large for a page. On your own machine: npx emilie pull timbrooks/instruct-pix2pix, then npx emilie studio.",
};
