/**
 * npm run build:docs
 *
 * The documentation as a site, in dist/docs: README, guides, results and decisions from the same files that the repository shows, the
 * API reference, and the studio without a server at try/. Ends with an error if a link in it leads nowhere, or if a page would load
 * something from elsewhere.
 */
import { cp, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { Application, Converter, type DocumentReflection } from "typedoc";
import { checkSite } from "./check.ts";

const root = resolve(import.meta.dirname, "../..");
const out = join(root, "dist/docs");

/** Where a page stands in the navigation, by its folder. */
const GROUPS: readonly (readonly [folder: RegExp, group: string])[] = [
  [/^docs\/decisions\//, "Decisions"],
  [/^docs\/results\//, "Results"],
  [/^docs\//, "Guides"],
  [/^/, "Project"],
];

const app = await Application.bootstrap({
  options: join(root, "typedoc.json"),
  readme: join(root, "README.md"),
  projectDocuments: ["docs/*.md", "docs/results/*.md", "docs/decisions/*.md", "CHANGELOG.md", "SECURITY.md"],
  out,
  cleanOutputDir: true,
  includeVersion: true,
  navigation: { includeGroups: true },
  groupOrder: ["Guides", "Results", "Decisions", "Project", "*"],
  sort: ["documents-first", "alphabetical"],
  githubPages: false,
  // npm run typecheck checks the same files.
  skipErrorChecking: true,
});

app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, page: DocumentReflection) => {
  const heading = page.content.find(({ text }) => /^# /m.test(text));
  page.name = /^# (.+)$/m.exec(heading?.text ?? "")?.[1] ?? page.name;
  const file = app.files.getReflectionPath(page) ?? "";
  const path = relative(root, file).replaceAll("\\", "/");
  page.frontmatter.group = GROUPS.find(([folder]) => folder.test(path))![1];
});

const project = await app.convert();
if (project) app.validate(project);
else throw new Error("The reference cannot be made: see the messages above.");
await app.generateDocs(project, out);
if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error("There are warnings: see above.");

await rm(join(out, "try"), { recursive: true, force: true });
await cp(join(root, "dist/site"), join(out, "try"), { recursive: true });

const { pages, links, wrong } = await checkSite(out);
for (const line of wrong) console.error(line);
if (wrong.length > 0) throw new Error(`${wrong.length} links of the site lead nowhere.`);
console.log(`${pages} pages, ${links} links → ${relative(process.cwd(), out)}/index.html`);
