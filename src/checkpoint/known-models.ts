/**
 * Published checkpoints that say nothing of themselves: what each can do, under which licence, and what it costs, before anything of it is on the
 * disk. Names, licences and sizes are those of their pages on the hub (read in November 2026). None of them has been run by this project with its real weights.
 */
import type { Abilities } from "../method/edit-model.ts";

export interface KnownModel {
  /** Its name on the hub. */
  readonly id: string;
  /** Its name for people. */
  readonly title: string;
  /** What it was made from. */
  readonly family: string;
  /** The folder under src/networks/ that reads it. */
  readonly architecture: string;
  /** The picture size (longer side) that it was trained at, in pixels. */
  readonly nativeSize: number;
  /** Its licence, in a name and a sentence. */
  readonly license: License;
  /** Bytes of the files that `emilie pull` fetches. */
  readonly downloadBytes: number;
  /** Operations of an edit with default settings, in FLOP: a picture of `size` × `size` pixels. */
  readonly edit: {
    /** The side of the picture, in pixels. */
    readonly size: number;
    /** Of all calls of the denoiser and the text encoder, in FLOP. */
    readonly denoise: number;
    /** Of encoding and decoding the picture, in FLOP. */
    readonly picture: number;
  };
  /** By precision, as src/models/plan.ts tells it from the published shapes: bytes for a picture of that size. */
  readonly needs: Readonly<Record<string, Needs>>;
  /** What it takes of a web page, and in which precision; absent where it is too large for one. */
  readonly page?: PageNeeds;
  /** Whether this project has run it with its real weights. */
  readonly tried: boolean;
  /** What it can do. */
  readonly abilities: Abilities;
}

/** Allocated memory at the peak of an edit, and disk for weights that are made once, in bytes. */
export interface Needs {
  /** Allocated memory. */
  readonly memoryBytes: number;
  /** The same with the pages of weights that each step reads from their file; absent where these are none. */
  readonly residentBytes?: number;
  /** Disk, kept in the cache folder. */
  readonly derivedBytes: number;
}

/** As planPage (src/models/plan-page.ts) tells it from the published shapes, for a picture of half the native size. */
export interface PageNeeds {
  /** The precision that a page loads it in. */
  readonly precision: "int8" | "int4";
  /** Of its files, those bytes that are fetched. */
  readonly fetchBytes: number;
  /** Of the browser's storage. */
  readonly storageBytes: number;
  /** WebAssembly's memory at the peak of an edit. */
  readonly memoryBytes: number;
  /** The same with one network in memory at a time. */
  readonly leastMemoryBytes: number;
}

export interface License {
  /** As the hub names it. */
  readonly name: string;
  /** What it means for a user, in a sentence. */
  readonly says: string;
}

const NON_COMMERCIAL: License = {
  name: "CC BY-NC 4.0",
  says: "Not for commercial use; with attribution.",
};

/** Of DreamLite, as tests/models/full-size-dreamlite.test.ts tells them (EMILIE_PARITY_PRINT=1). In FLOP: a call of the UNet and both ways of the autoencoder at 512 px; Qwen3-VL with the picture is an estimate. */
const [UNET_512, TINY_512, ENCODER] = [0.629e12, 0.25e12, 2e12];
const DREAMLITE_NEEDS = {
  fp32: { memoryBytes: 3.24e9, derivedBytes: 1.55e9 },
  int8: { memoryBytes: 1.74e9, derivedBytes: 2.37e9 },
  int4: { memoryBytes: 1.74e9, derivedBytes: 1.76e9 },
};
const DREAMLITE_PAGE: PageNeeds = {
  precision: "int4",
  fetchBytes: 5.04e9,
  storageBytes: 2.39e9,
  memoryBytes: 2.24e9,
  leastMemoryBytes: 1.27e9,
};
const GERMAN_TITLES = { Exchange: "Ersetzen", "Season and time": "Jahres- und Tageszeit", Style: "Stil" };
const DREAMLITE: Abilities = {
  summary:
    "Edits photographs by instruction with a small network: replacing, adding and removing things, season, light, style.",
  suggestions: [
    { title: "Exchange", instructions: ["replace the sky with storm clouds", "make the car red"] },
    { title: "Season and time", instructions: ["make it winter, with snow on the ground", "make it night"] },
    { title: "Style", instructions: ["turn it into a watercolour painting"] },
  ],
  limits: "Most of its download is the text encoder, which sees the picture.",
  translations: {
    de: {
      summary:
        "Bearbeitet Fotos nach Anweisung mit einem kleinen Netz: Dinge ersetzen, hinzufügen und entfernen, Jahreszeit, Licht, Stil.",
      limits: "Den größten Teil des Downloads macht der Textencoder aus, der das Bild sieht.",
      titles: GERMAN_TITLES,
    },
  },
  success: [],
};

/** They are offered for download where they are not on the machine, the first to those who name none. */
export const KNOWN_MODELS: readonly KnownModel[] = [
  {
    id: "timbrooks/instruct-pix2pix",
    title: "InstructPix2Pix",
    family: "InstructPix2Pix (Stable Diffusion 1.x)",
    architecture: "stable-diffusion",
    nativeSize: 512,
    license: { name: "MIT", says: "Any use, also commercial, with the notice kept." },
    downloadBytes: 4.27e9,
    edit: { size: 512, denoise: 48 * 0.7704e12, picture: 3.245e12 },
    needs: {
      fp32: { memoryBytes: 2.66e9, derivedBytes: 0 },
      int8: { memoryBytes: 2.57e9, derivedBytes: 0.79e9 },
    },
    tried: false,
    abilities: {
      summary:
        "Edits photographs and drawings by instruction at about 512 pixels: season, weather, time of day, style, material, swapping one " +
        "thing for another.",
      suggestions: [
        { title: "Season and time", instructions: ["make it winter", "make it sunset"] },
        {
          title: "Style",
          instructions: ["turn it into a watercolour painting", "make it look like a pencil sketch"],
        },
        {
          title: "Exchange",
          instructions: ["replace the sky with a starry night", "make the house out of bricks"],
        },
      ],
      limits: "Weak at counting, at text, at moving things and at faces. On a CPU an edit takes minutes.",
      translations: {
        de: {
          summary:
            "Bearbeitet Fotos und Zeichnungen nach englischen Anweisungen bei etwa 512 Pixeln: Jahreszeit, Wetter, Tageszeit, Stil, Material, " +
            "eines durch anderes ersetzen.",
          limits:
            "Schwach beim Zählen, bei Schrift, beim Verschieben und bei Gesichtern. Auf einer CPU dauert eine Bearbeitung Minuten.",
          titles: GERMAN_TITLES,
        },
      },
      success: [],
    },
  },
  {
    id: "black-forest-labs/FLUX.2-klein-4B",
    title: "FLUX.2 klein 4B",
    family: "FLUX.2 klein",
    architecture: "flux2",
    nativeSize: 1024,
    license: { name: "Apache-2.0", says: "Any use, also commercial, with the notices kept." },
    downloadBytes: 15.97e9,
    // Four calls over 512 tokens of text and 1024 each of the picture and its source, 25 blocks; the text's encoder once.
    edit: { size: 512, denoise: 4 * 17.74e12 + 3.7e12, picture: 3.25e12 },
    needs: {
      fp32: { memoryBytes: 8.8e9, residentBytes: 16.5e9, derivedBytes: 0 },
      int8: { memoryBytes: 5.8e9, derivedBytes: 7.1e9 },
      int4: { memoryBytes: 4.3e9, derivedBytes: 4.3e9 },
    },
    tried: false,
    abilities: {
      summary:
        "Edits photographs by instruction in four steps, also by up to four further pictures: replacing, adding and removing things, " +
        "season, light, style, text.",
      suggestions: [
        { title: "Exchange", instructions: ["replace the sky with storm clouds", "make the car red"] },
        {
          title: "Season and time",
          instructions: ["make it winter, with snow on the ground", "make it night"],
        },
        { title: "Style", instructions: ["turn it into a watercolour painting"] },
      ],
      limits: "On a CPU without int8 instructions an edit takes many minutes.",
      translations: {
        de: {
          summary:
            "Bearbeitet Fotos nach Anweisung in vier Schritten, auch nach bis zu vier weiteren Bildern: Dinge ersetzen, hinzufügen und entfernen, " +
            "Jahreszeit, Licht, Stil, Schrift.",
          limits: "Auf einer CPU ohne int8-Befehle dauert eine Bearbeitung viele Minuten.",
          titles: GERMAN_TITLES,
        },
      },
      success: [],
    },
  },
  {
    id: "diffusers/sdxl-instructpix2pix-768",
    title: "SDXL InstructPix2Pix",
    family: "InstructPix2Pix (Stable Diffusion XL)",
    architecture: "stable-diffusion",
    nativeSize: 768,
    license: {
      name: "OpenRAIL++-M",
      says: "Any use, also commercial, except for the harmful ones that it lists.",
    },
    downloadBytes: 12.25e9,
    edit: { size: 768, denoise: 48 * 3.5665e12, picture: 7.494e12 },
    needs: {
      fp32: { memoryBytes: 11.3e9, derivedBytes: 0 },
      int8: { memoryBytes: 6.6e9, derivedBytes: 2.2e9 },
    },
    tried: false,
    abilities: {
      summary: "Edits photographs by instruction at about 768 pixels: style, season, material, colour.",
      suggestions: [
        { title: "Season and time", instructions: ["turn the sky into a cloudy one", "make it winter"] },
        { title: "Style", instructions: ["turn it into an oil painting"] },
      ],
      limits: "Weak at counting, at text and at moving things. On a CPU an edit takes many minutes.",
      translations: {
        de: {
          summary:
            "Bearbeitet Fotos nach englischen Anweisungen bei etwa 768 Pixeln: Stil, Jahreszeit, Material, Farbe.",
          limits:
            "Schwach beim Zählen, bei Schrift und beim Verschieben. Auf einer CPU dauert eine Bearbeitung viele Minuten.",
          titles: GERMAN_TITLES,
        },
      },
      success: [],
    },
  },
  {
    id: "carlofkl/DreamLite-mobile@diffusers",
    title: "DreamLite mobile",
    family: "DreamLite mobile",
    architecture: "dreamlite",
    nativeSize: 1024,
    license: NON_COMMERCIAL,
    downloadBytes: 5.07e9,
    // Four calls, and the text's encoder once, with the picture that it sees.
    edit: { size: 512, denoise: 4 * UNET_512 + ENCODER, picture: TINY_512 },
    needs: DREAMLITE_NEEDS,
    page: DREAMLITE_PAGE,
    tried: false,
    abilities: {
      ...DREAMLITE,
      limits: `In four steps. ${DREAMLITE.limits}`,
      translations: {
        de: {
          ...DREAMLITE.translations!.de,
          limits: `In vier Schritten. ${DREAMLITE.translations!.de!.limits}`,
        },
      },
    },
  },
  {
    id: "carlofkl/DreamLite-base@diffusers",
    title: "DreamLite",
    family: "DreamLite",
    architecture: "dreamlite",
    nativeSize: 1024,
    license: NON_COMMERCIAL,
    downloadBytes: 5.07e9,
    // Three calls in each of 28 steps; two texts.
    edit: { size: 512, denoise: 3 * 28 * UNET_512 + 2 * ENCODER, picture: TINY_512 },
    needs: DREAMLITE_NEEDS,
    page: DREAMLITE_PAGE,
    tried: false,
    abilities: DREAMLITE,
  },
];

/** OWNER/NAME, whatever follows it: a revision, a variant of the weights, LoRAs, an autoencoder, a precision. */
const REPO = /^([\w.-]+\/[\w.-]+)(?=$|[@: ])/;
const repoOf = (name: string): string | undefined => REPO.exec(name)?.[1];

/** What is known of a model by its name on the hub, in whatever revision, variant and precision it is loaded; undefined for others. */
export function knownModel(name: string): KnownModel | undefined {
  const repo = repoOf(name);
  return repo === undefined ? undefined : KNOWN_MODELS.find(({ id }) => repoOf(id) === repo);
}
