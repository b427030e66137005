/** CLIP, BLIP and DINO against transformers: preprocessing, tokens, embeddings, scores (training/parity/make_scorers.py). */
import { describe, expect, test } from "vitest";
import type { BlipScorer } from "../../packages/bench/src/scorers/blip.ts";
import type { ClipScorer } from "../../packages/bench/src/scorers/clip.ts";
import type { DinoScorer } from "../../packages/bench/src/scorers/dino.ts";
import type { Picture } from "../../src/images/picture.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { at, expectClose } from "./references.ts";
import { scorerFixtures, scorerOf } from "./scorers.ts";

const unbatched = ({ data, shape }: Tensor): Tensor => ({ data, shape: shape.slice(1) });
const PICTURES = [0, 1, 2];

describe.each(scorerFixtures("clip"))(
  "CLIP: $name",
  ({ name, checkpoint, tensor, pictures, captions, texts }) => {
    const scorer = scorerOf(checkpoint) as () => ClipScorer;

    test.each(PICTURES)("preprocesses picture %i as Pillow does", async (i) => {
      const picture = (await pictures())[i]!;
      expectClose(unbatched(scorer().preprocess(picture)), at(tensor("pixels"), i), `${name}: pixels ${i}`);
    });

    test.each(PICTURES)("embeds picture %i", async (i) => {
      const embedding = await scorer().embedPicture((await pictures())[i]!);
      expectClose(unbatched(embedding), at(tensor("pictures"), i), `${name}: picture ${i}`);
    });

    test.each(captions.map((caption, i) => ({ caption, i })))("embeds $caption", async ({ caption, i }) => {
      expectClose(unbatched(await scorer().embedText(caption)), at(tensor("texts"), i), `${name}: text ${i}`);
    });

    test("gives the tokens of transformers", () => {
      const ids = texts.map((text) => [...scorer().tokens(text)]);
      expect(ids).toEqual(texts.map((_, i) => [...at(tensor("ids"), i).data]));
    });

    test("scores are cosines of these", async () => {
      const [original, result, target] = (await pictures()) as [Picture, Picture, Picture];
      const turn = { original, before: original, result, instruction: "" };
      const [source, caption] = [captions[0]!, captions[1]!];
      const all = await scorer().score({ ...turn, target, sourceCaption: source, caption });
      const cosines = tensor("cosines");
      expect(all["clip.text"]).toBeCloseTo(at(at(cosines, 1), 1).data[0]!, 4);
      const unit = (t: Tensor) => t.data.map((v) => v / Math.hypot(...t.data));
      const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
      const p = PICTURES.map((i) => unit(at(tensor("pictures"), i)));
      const t = [0, 1].map((i) => unit(at(tensor("texts"), i)));
      expect(all["clip.image"]).toBeCloseTo(dot(p[1]!, p[2]!), 4);
      expect(all["clip.image.original"]).toBeCloseTo(dot(p[1]!, p[0]!), 4);
      const change = (a: Float32Array, b: Float32Array) => b.map((v, i) => v - a[i]!);
      const [seen, said] = [change(p[0]!, p[1]!), change(t[0]!, t[1]!)];
      const direction = dot(seen, said) / Math.sqrt(dot(seen, seen) * dot(said, said));
      expect(all["clip.direction"]).toBeCloseTo(direction, 4);
    });

    test("what cannot be said is left out, and a picture that did not change has no direction", async () => {
      const original = (await pictures())[0]!;
      const turn = { original, before: original, result: original, instruction: "" };
      expect(await scorer().score(turn)).toEqual({ "clip.image.original": expect.closeTo(1, 6) });
      const same = await scorer().score({ ...turn, caption: "a", sourceCaption: "a" });
      expect(Object.keys(same).sort()).toEqual(["clip.image.original", "clip.text"]);
      const still = await scorer().score({ ...turn, caption: "a", sourceCaption: captions[0]! });
      expect(still["clip.direction"]).toBe(0);
    });
  },
);

describe.each(scorerFixtures("blip"))(
  "BLIP: $name",
  ({ name, checkpoint, tensor, pictures, captions, texts }) => {
    const scorer = scorerOf(checkpoint) as () => BlipScorer;
    const number = (value: number): Tensor => ({ data: Float32Array.of(value), shape: [] });

    test.each(PICTURES)("preprocesses picture %i as Pillow does", async (i) => {
      const picture = (await pictures())[i]!;
      expectClose(unbatched(scorer().preprocess(picture)), at(tensor("pixels"), i), `${name}: pixels ${i}`);
    });

    test("gives the tokens of transformers", () => {
      const wanted = texts.map((_, i) => [...at(tensor("ids"), i).data].filter((id) => id >= 0));
      expect(texts.map((text) => [...scorer().tokens(text)])).toEqual(wanted);
    });

    test.each(PICTURES)("matches picture %i with every text, and compares them", async (i) => {
      const picture = (await pictures())[i]!;
      for (const [j, caption] of captions.entries()) {
        const wanted = (of: string) => at(at(tensor(of), i), j);
        expectClose(
          number(await scorer().match(picture, caption)),
          wanted("match"),
          `${name}: match ${i} ${j}`,
        );
        const cosine = number(await scorer().cosine(picture, caption));
        // Relative to 1, the largest a cosine can be.
        expect(Math.abs(cosine.data[0]! - wanted("cosines").data[0]!), `cosine ${i} ${j}`).toBeLessThan(1e-5);
      }
    });

    test("scores are these, and nothing without a caption", async () => {
      const [original, result] = (await pictures()) as [Picture, Picture];
      const turn = { original, before: original, result, instruction: "" };
      expect(await scorer().score(turn)).toEqual({});
      const caption = captions[0]!;
      expect(await scorer().score({ ...turn, caption })).toEqual({
        "blip.match": await scorer().match(result, caption),
        "blip.cosine": await scorer().cosine(result, caption),
      });
    });
  },
);

describe.each(scorerFixtures("vit", "dinov2"))("DINO: $name", ({ name, checkpoint, tensor, pictures }) => {
  const scorer = scorerOf(checkpoint) as () => DinoScorer;

  test.each(PICTURES)("preprocesses and embeds picture %i", async (i) => {
    const picture = (await pictures())[i]!;
    expectClose(unbatched(scorer().preprocess(picture)), at(tensor("pixels"), i), `${name}: pixels ${i}`);
    const embedding = unbatched(await scorer().embedPicture(picture));
    expectClose(embedding, at(tensor("pictures"), i), `${name}: picture ${i}`);
  });

  test("scores are cosines of these", async () => {
    const [original, result, target] = (await pictures()) as [Picture, Picture, Picture];
    const turn = { original, before: original, result, instruction: "" };
    const cosine = (i: number) => {
      const [a, b] = [at(tensor("pictures"), 1).data, at(tensor("pictures"), i).data];
      return a.reduce((sum, v, k) => sum + v * b[k]!, 0) / (Math.hypot(...a) * Math.hypot(...b));
    };
    expect(await scorer().score(turn)).toEqual({ "dino.image.original": expect.closeTo(cosine(0), 4) });
    expect((await scorer().score({ ...turn, target }))["dino.image"]).toBeCloseTo(cosine(2), 4);
  });
});
