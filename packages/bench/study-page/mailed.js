/**
 * A study in one file, for a rater who has no server: the questions are in the page (globalThis.mailed), and the answers stay in this browser until the
 * rater saves them as a file and sends that back. Takes the place of the server's requests; page.js knows no more than that.
 */
const { study, order, questions, pictures } = globalThis.mailed;
/** What a browser keeps for a page from a file, it may forget or refuse. */
const memory = new Map();
let rater = "";

const keyOf = (name) => `emilie-study ${study} ${order} ${name.toLowerCase()}`;

function choicesOf(name) {
  try {
    return JSON.parse(localStorage.getItem(keyOf(name)) ?? memory.get(keyOf(name)) ?? "[]");
  } catch {
    return JSON.parse(memory.get(keyOf(name)) ?? "[]");
  }
}

function keep(name, choices) {
  const text = JSON.stringify(choices);
  memory.set(keyOf(name), text);
  try {
    localStorage.setItem(keyOf(name), text);
  } catch {
    // It stays in memory, for as long as the page is open.
  }
}

globalThis.mailedPost = async (path, body) => {
  rater = body.rater.trim().replace(/\s+/g, " ");
  if (rater === "") throw new Error("Enter a name.");
  const choices = choicesOf(rater);
  if (path === "/choice" && body.question === choices.length + 1) {
    const seconds = Math.round(body.seconds * 100) / 100;
    choices.push({ side: body.side, seconds, at: new Date().toISOString() });
  }
  if (path === "/undo") choices.pop();
  keep(rater, choices);
  return viewOf(rater, choices.length);
};

function viewOf(name, done) {
  const asked = questions[done];
  const question = asked && {
    number: done + 1,
    instructions: asked.instructions,
    source: pictures[asked.source],
    left: pictures[asked.left],
    right: pictures[asked.right],
  };
  return { rater: name, done, total: questions.length, question: question ?? null, ahead: [] };
}

const save = document.getElementById("save");
save.hidden = false;
document.getElementById("send-back").hidden = false;
save.addEventListener("click", () => {
  const answers = { version: 1, study, order, rater, choices: choicesOf(rater) };
  const file = new Blob([`${JSON.stringify(answers, null, 1)}\n`], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `answers-${rater.replace(/[^\p{L}\p{N}_-]+/gu, "-")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
