/** Pictures that ship with emilie, to try it on. */
export const EXAMPLES = [
  {
    name: "cottage",
    title: "A cottage",
    suggestions: ["make it winter", "paint the roof blue", "add a red balloon"],
  },
  { name: "lake", title: "A lake", suggestions: ["make it sunset", "add clouds", "make it autumn"] },
  {
    name: "meadow",
    title: "A meadow",
    suggestions: ["make it night", "add a tree on the left", "make it winter"],
  },
  { name: "road", title: "A road", suggestions: ["paint the car red", "add fog", "make it night"] },
] as const;
