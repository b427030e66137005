/** Rows of pictures as one. */
import { blankPicture } from "../src/images/picture.ts";
import type { Picture } from "../src/index.ts";

/** One below the other, to the left. */
export function stacked(rows: readonly Picture[]): Picture {
  const width = Math.max(...rows.map((row) => row.width));
  const sheet = blankPicture(
    width,
    rows.reduce((sum, row) => sum + row.height, 0),
    [250, 249, 246, 255],
  );
  let top = 0;
  for (const row of rows) {
    for (let y = 0; y < row.height; y++) {
      sheet.data.set(row.data.subarray(y * row.width * 4, (y + 1) * row.width * 4), (top + y) * width * 4);
    }
    top += row.height;
  }
  return sheet;
}
