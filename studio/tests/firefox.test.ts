/** The static page in Firefox; with a server: firefox.long.test.ts. */
import { testInFirefox } from "./firefox.ts";
import { FORMS } from "./site.ts";

testInFirefox(FORMS[1]);
