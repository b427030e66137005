/** Times clicks in pictures of 12 megapixels, in a process in which no selection has been made before; see select.ts. */
import { join } from "node:path";
import { fromModelImage, toModelImage } from "../src/images/model-image.ts";
import { blankPicture } from "../src/images/picture.ts";
import { Selector } from "../src/images/select-region.ts";
import { type Picture, readPicture } from "../src/index.ts";

const [WIDTH, HEIGHT] = [4000, 3000];
const folder = new URL("photographs/", import.meta.url).pathname;

async function large(name: string): Promise<Picture> {
  const photograph = await readPicture(join(folder, `${name}.jpg`));
  const { width, height } = photograph;
  return fromModelImage(
    toModelImage(photograph, width, height),
    WIDTH,
    HEIGHT,
    blankPicture(WIDTH, HEIGHT, [0, 0, 0, 255]),
  );
}

const [fig, meadow] = [await large("fig"), await large("meadow")];
/** Milliseconds of a click, in shares of the picture. */
function click(selector: Selector, u: number, v: number): number {
  const start = performance.now();
  selector.patch({ point: { x: u * WIDTH, y: v * HEIGHT } });
  return performance.now() - start;
}

const selector = new Selector(fig);
if (process.argv[2] === "prepared") {
  // As in the studio, which prepares the picture when the tool is chosen.
  selector.prepare();
  process.send!({ prepared: click(selector, 0.62, 0.55) });
} else {
  const first = click(selector, 0.62, 0.55);
  const later = [click(selector, 0.45, 0.35), click(selector, 0.4, 0.15), click(selector, 0.62, 0.55)];
  process.send!({
    first,
    later: later.sort((a, b) => a - b)[1],
    picture: click(new Selector(meadow), 0.4, 0.8),
  });
}
