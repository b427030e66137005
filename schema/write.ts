/** Writes edit-script.schema.json beside this file: `npm run schema`. A test holds it equal to what the library checks. */
import { writeFileSync } from "node:fs";
import { scriptJsonSchema } from "../src/session/script/script.ts";

writeFileSync(
  new URL("./edit-script.schema.json", import.meta.url),
  `${JSON.stringify(scriptJsonSchema(), null, 2)}\n`,
);
