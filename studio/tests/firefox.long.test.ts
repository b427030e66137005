/** The studio of `emilie serve` in Firefox; the static page: firefox.test.ts. */
import { testInFirefox } from "./firefox.ts";
import { FORMS } from "./site.ts";

testInFirefox(FORMS[0]);
