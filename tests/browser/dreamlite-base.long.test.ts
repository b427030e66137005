/** DreamLite's base model in a browser: three guidance terms, three calls a step. */
import { describeEditsOf } from "./dreamlite-edits.ts";

describeEditsOf("base");
