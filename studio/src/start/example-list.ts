/** What there is to try, each with words that go well with it. */
export const EXAMPLES = [
  { name: "cottage", words: "paint the roof blue" },
  { name: "lake", words: "make it winter" },
  { name: "meadow", words: "make it sunset" },
  { name: "road", words: "make it night" },
] as const;
