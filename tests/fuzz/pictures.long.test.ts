import { describe, it } from "vitest";
import { readPicture, readXmp } from "../../src/images/codec.node.ts";
import { checkPictureSize } from "../../src/images/encode.node.ts";
import { readPictureSize } from "../../src/images/picture-size.node.ts";
import { readPngText, writePngText } from "../../src/images/png-text.ts";
import { sharp } from "../../src/images/sharp.node.ts";
import { writeXmp } from "../../src/images/xmp.ts";
import { readPath } from "../../src/session/picture/picture-path.node.ts";
import { FUZZ_TIMEOUT, fuzz } from "./run.ts";

const [width, height] = [96, 64];

describe("picture files", () => {
  it(
    "with any damage are pictures, or a typed error",
    async () => {
      const data = Uint8Array.from({ length: width * height * 4 }, (_, i) =>
        i % 4 === 3 ? 200 : (i * i) % 251,
      );
      const raw = sharp(data, { raw: { width, height, channels: 4 } });
      const xmp = writeXmp({ system: "fuzz", prompt: "make it winter", own: { path: "eJwrSS0uAQAEXQHB" } });
      const made = async (format: "png" | "jpeg" | "webp" | "avif" | "tiff" | "gif") =>
        new Uint8Array(await raw.clone().withXmp(xmp).toFormat(format).toBuffer());
      const files = await Promise.all((["png", "jpeg", "webp", "avif", "tiff", "gif"] as const).map(made));
      files.push(
        writePngText(files[0]!, { emilie: '{"version":1}', "emilie-path": '{"version":1,"steps":[]}' }),
      );
      files.push(new Uint8Array(await raw.clone().png({ palette: true, progressive: true }).toBuffer()));
      files.push(new Uint8Array(await raw.clone().jpeg({ progressive: true }).toBuffer()));
      files.push(
        new TextEncoder().encode(
          '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect/></svg>',
        ),
      );
      const doors = [
        (file: Uint8Array) => readPicture(file),
        (file: Uint8Array) => readXmp(file),
        (file: Uint8Array) => checkPictureSize(file, 1e6),
        (file: Uint8Array) => readPictureSize(file, "fuzz"),
        (file: Uint8Array) => readPngText(file),
        (file: Uint8Array) => readPath(file, "fuzz"),
      ];
      await fuzz({
        name: "pictures",
        cases: 3000,
        share: 200,
        run(damage) {
          const file = damage.bytes(damage.one(files), files);
          return damage.one([doors[0]!, ...doors])(file);
        },
      });
    },
    FUZZ_TIMEOUT,
  );
});
