import { describe, expect, it } from "vitest";
import { logitsOf, type UnderstandingHead, understandingSchema } from "../../checkpoint/understanding.ts";
import { understand } from "./understanding.ts";

/** Each word of a vocabulary is one entry of the hidden state; the head is written by hand. */
const WORDS = ["winter", "roof", "balloon", "red", "blue", "dog", "and"];
const config = understandingSchema.parse({
  weights: "understanding.safetensors",
  intents: [
    { name: "winter", phrase: "make it winter" },
    { name: "roof", phrase: "paint the roof {colour}" },
    { name: "remove_balloon", phrase: "remove the balloon" },
    { name: "noop", phrase: "leave it", keeps: true },
  ],
  refused: { unsupported: true, compound: true },
  fields: [{ name: "colour", values: ["red", "blue"] }],
  presence: {
    latent: [1, 1, 1],
    hidden: 1,
    attributes: [{ name: "balloon", values: ["none", "balloon"] }],
    needs: {
      remove_balloon: [{ attribute: "balloon", is: ["balloon"], otherwise: "There is no balloon" }],
    },
    threshold: 0.1,
  },
});
const [W, R, B, red, blue, dog, and] = WORDS.keys() as unknown as number[];
const rows: Readonly<Record<number, number>>[] = [
  { [W!]: 6 }, // winter
  { [R!]: 6 },
  { [B!]: 6 },
  {}, // noop
  { [dog!]: 6 }, // unsupported
  { [and!]: 14 }, // compound
  {}, // no colour
  { [red!]: 3 },
  { [blue!]: 3 },
];
const bias = Float32Array.from([0, 0, 0, -4, 3, -4, 1, 0, 0]);
const head: UnderstandingHead = {
  config,
  width: WORDS.length,
  sha256: "",
  weight: Float32Array.from(rows.flatMap((row) => WORDS.map((_, i) => row[i] ?? 0))),
  bias,
  sees: {
    weight: Float32Array.of(1),
    bias: Float32Array.of(0),
    // A latent of 1: a balloon; of −1, which the ReLU makes 0: none.
    outWeight: Float32Array.of(-8, 8),
    outBias: Float32Array.of(4, -4),
  },
};
const read = async (text: string) =>
  Float32Array.from(WORDS, (word) => Number(text.split(/\W+/).includes(word)));
const latent = (value: number) => ({ data: Float32Array.of(value), shape: [1, 1, 1] });
const ask = (text: string, balloon = true) => understand(head, read, text, latent(balloon ? 1 : -1));
const phrases = async (text: string) =>
  (await understand(head, read, text, latent(1), { rephrase: true })).parts;

describe("understanding", () => {
  it("has as many logits as its description says", () => {
    expect(logitsOf(config)).toBe(rows.length);
  });

  it("takes what it knows, in its words", async () => {
    expect(await ask("make it winter now")).toEqual({
      understood: true,
      parts: ["make it winter now"],
      nearest: [],
    });
  });

  it("refuses what it has no edit for, and names what is nearest", async () => {
    const answer = await ask("a dog on the roof blue");
    expect(answer).toMatchObject({ understood: false, reason: "unsupported", parts: [] });
    expect(answer.nearest[0]).toBe("paint the roof blue");
    expect(answer.nearest).not.toContain("leave it");
  });

  it("does both of two things, cut where both halves are understood", async () => {
    expect((await ask("roof red and winter")).parts).toEqual(["roof red", "winter"]);
    expect((await ask("roof red, and then winter")).parts).toEqual(["roof red", "winter"]);
  });

  it("says so where several things cannot be told apart", async () => {
    expect(await ask("winter and dog")).toMatchObject({ understood: false, reason: "compound" });
  });

  it("refuses what is not in the picture, and does not propose it", async () => {
    expect(await ask("remove the balloon")).toMatchObject({ understood: true });
    const absent = await ask("remove the balloon", false);
    expect(absent).toMatchObject({ understood: false, reason: "absent", message: "There is no balloon." });
    expect(absent.nearest).not.toContain("remove the balloon");
  });

  it("says nothing of what a picture lacks that is none of its own", async () => {
    const ask = (isOwn: boolean) =>
      understand(head, read, "remove the balloon", latent(-1), { isFamiliar: async () => isOwn });
    expect(await ask(true)).toMatchObject({ understood: false, reason: "absent" });
    expect(await ask(false)).toMatchObject({ understood: true });
  });

  describe("in doubt, where the picture does not allow the likeliest edit", () => {
    /** A reading by itself: so much of each word, whatever the text. */
    const of = (words: Readonly<Record<string, number>>, doubt?: number, isOwn = true) =>
      understand(head, async () => Float32Array.from(WORDS, (word) => words[word] ?? 0), "?", latent(-1), {
        rephrase: true,
        doubt,
        isFamiliar: async () => isOwn,
      });

    it("takes the next that it allows, if that is likely enough", async () => {
      // Logits 6 and 4.8: the second is 0.3 times as likely as the first.
      expect(await of({ balloon: 1, winter: 0.8 }, 0.25)).toMatchObject({ parts: ["make it winter"] });
      expect(await of({ balloon: 1, winter: 0.8 }, 0.35)).toMatchObject({ reason: "absent" });
      expect(await of({ balloon: 1, winter: 0.8 })).toMatchObject({ reason: "absent" });
    });

    it("takes none that is less likely than that there is no such edit", async () => {
      expect(await of({ balloon: 1, winter: 0.8, dog: 0.2 }, 0.25)).toMatchObject({ understood: true });
      expect(await of({ balloon: 1, winter: 0.8, dog: 0.4 }, 0.25)).toMatchObject({ reason: "absent" });
    });

    it("does not do nothing instead", async () => {
      const leave = { ...head, bias: Float32Array.from(bias, (b, i) => (i === 3 ? 5 : b)) };
      const told = await understand(leave, read, "remove the balloon", latent(-1), { doubt: 0.2 });
      expect(told).toMatchObject({ reason: "absent" });
    });

    it("asks for the likeliest in a picture that is none of its own", async () => {
      expect(await of({ balloon: 1, winter: 0.8 }, 0.25, false)).toMatchObject({
        parts: ["remove the balloon"],
      });
    });
  });

  it("does not look at latents of another shape", async () => {
    const other = { data: Float32Array.of(-1, -1), shape: [1, 1, 2] };
    expect(await understand(head, read, "remove the balloon", other)).toMatchObject({ understood: true });
  });

  it("puts what it understood in its own phrases, where it is told to", async () => {
    expect(await phrases("winter, if you please")).toEqual(["make it winter"]);
    expect(await phrases("a roof in red")).toEqual(["paint the roof red"]);
    expect(await phrases("blue for the roof, and then winter")).toEqual([
      "paint the roof blue",
      "make it winter",
    ]);
  });

  it("leaves words as they are where a field of the phrase is not among them", async () => {
    expect(await phrases("another roof")).toEqual(["another roof"]);
    expect(await phrases("another roof and winter")).toEqual(["another roof", "make it winter"]);
  });

  it("rephrases nothing that it refuses", async () => {
    const refused = await understand(head, read, "a dog on the roof blue", latent(1), { rephrase: true });
    expect(refused).toMatchObject({ understood: false, parts: [] });
  });

  describe("a field that the words leave open", () => {
    /** Balloons of two sides, of which a latent of 1 has the one on the left, and one of −1 none. */
    const sided: UnderstandingHead = {
      ...head,
      config: understandingSchema.parse({
        ...config,
        intents: config.intents.map((intent) =>
          intent.name === "remove_balloon" ? { ...intent, phrase: "remove the {side} balloon" } : intent,
        ),
        fields: [{ name: "side", values: ["left", "right"] }],
        presence: {
          ...config.presence,
          attributes: ["left", "right"].map((side) => ({ name: side, values: ["none", "balloon"] })),
          needs: {
            remove_balloon: [{ attribute: "{side}", is: ["balloon"], otherwise: "There is no balloon" }],
          },
        },
      }),
      sees: {
        ...head.sees!,
        outWeight: Float32Array.of(-8, 8, 0, 0),
        outBias: Float32Array.of(4, -4, 4, -4),
      },
    };
    const say = async (value: number, isFamiliar: boolean, one = sided) =>
      (
        await understand(one, read, "no balloon", latent(value), {
          rephrase: true,
          isFamiliar: async () => isFamiliar,
        })
      ).parts;

    it("is taken from the picture where that has one alone", async () => {
      expect(await say(1, true)).toEqual(["remove the left balloon"]);
    });

    it("stays open where the picture has none or several, or is not of the checkpoint's own", async () => {
      expect(await say(-1, true)).toEqual(["no balloon"]);
      const both = { ...sided, sees: { ...sided.sees!, outBias: Float32Array.of(4, -4, -4, 4) } };
      expect(await say(1, true, both)).toEqual(["no balloon"]);
      expect(await say(1, false)).toEqual(["no balloon"]);
    });
  });
});
