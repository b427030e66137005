/** The page of a preference study. It knows numbers of questions and addresses of pictures, and nothing about methods. */

const find = (id) => document.getElementById(id);
const pages = ["start", "ask", "done"].map(find);
const sides = { left: find("left"), right: find("right") };
const KEPT_NAME = "emilie-study-rater";
/** Long enough to see what was chosen. */
const PAUSE_MS = 160;

let rater = "";
let view = null;
/** When both results could be seen; null while they cannot. */
let shownAt = null;
let again = () => {};

function show(id) {
  for (const page of pages) page.hidden = page.id !== id;
}

function say(message, retry) {
  const problem = find("problem");
  problem.hidden = message === null;
  problem.firstElementChild.textContent = message ?? "";
  find("retry").hidden = !retry;
  again = retry ?? (() => {});
}

async function post(path, body) {
  // A page that was mailed answers itself: mailed.js.
  if (globalThis.mailedPost) return globalThis.mailedPost(path, body);
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error(
      "The study's server does not answer. Start it again with the same command; all earlier answers are saved.",
    );
  }
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(json.error?.message ?? `The server answered with ${answer.status}.`);
  return json;
}

/** Sends, and shows where things stand then; what did not arrive can be sent again. */
async function send(path, body) {
  shownAt = null;
  try {
    const next = await post(path, body);
    say(null);
    await render(next);
  } catch (error) {
    say(error.message, () => send(path, body));
  }
}

async function render(next) {
  view = next;
  rater = next.rater;
  for (const side of Object.values(sides)) {
    side.disabled = true;
    side.classList.remove("chosen");
  }
  const { question, done, total } = next;
  if (question === null) {
    find("summary").textContent = `All ${total} questions are answered and saved.`;
    show("done");
    return;
  }
  find("bar").max = total;
  find("bar").value = done;
  find("count").textContent = `${question.number} of ${total}`;
  find("rater").textContent = rater;
  find("undo").disabled = done === 0;
  describe(question.instructions);
  show("ask");
  await pictures(question);
}

function describe(instructions) {
  const count = instructions.length;
  find("heading").textContent =
    count === 1 ? "Asked for:" : `Asked for, one after the other (${count} edits):`;
  const list = find("instructions");
  list.className = count === 1 ? "single" : count > 5 ? "many" : "";
  list.replaceChildren(
    ...instructions.map((instruction) => {
      const item = document.createElement("li");
      item.textContent = instruction;
      return item;
    }),
  );
  list.scrollTop = 0;
  // What scrolls can be reached by the keyboard.
  list.removeAttribute("tabindex");
  requestAnimationFrame(() => {
    if (list.scrollHeight > list.clientHeight) list.tabIndex = 0;
  });
}

/** Both results appear at the same time, and only then can be chosen. */
async function pictures(question) {
  const asked = view;
  const images = [find("source")];
  find("source").src = question.source;
  for (const [name, side] of Object.entries(sides)) {
    const [result, original] = side.querySelectorAll("img");
    result.src = question[name];
    original.src = question.source;
    images.push(result, original);
  }
  try {
    await Promise.all(images.map((image) => image.decode()));
  } catch {
    // A newer question has taken the pictures' place.
    if (view !== asked) return;
    say("A picture does not load. What is wrong is said where the study was started.", () =>
      send("/rater", { rater }),
    );
    return;
  }
  if (view !== asked) return;
  const { naturalWidth, naturalHeight } = find("source");
  find("choices").style.setProperty("--aspect", `${naturalWidth} / ${naturalHeight}`);
  for (const side of Object.values(sides)) side.disabled = false;
  shownAt = performance.now();
  for (const address of view.ahead) new Image().src = address;
}

function choose(side) {
  if (shownAt === null || find("ask").hidden) return;
  const seconds = Math.min(86_400, (performance.now() - shownAt) / 1000);
  shownAt = null;
  sides[side].classList.add("chosen");
  for (const one of Object.values(sides)) one.disabled = true;
  const body = { rater, question: view.question.number, side, seconds };
  setTimeout(() => send("/choice", body), PAUSE_MS);
}

function undo() {
  const waiting = !find("ask").hidden && shownAt === null;
  if (view === null || view.done === 0 || waiting) return;
  send("/undo", { rater });
}

function showBefore(on) {
  find("choices").classList.toggle("showing-before", on);
}

const KEYS = {
  ArrowLeft: () => choose("left"),
  1: () => choose("left"),
  ArrowRight: () => choose("right"),
  2: () => choose("right"),
  u: undo,
  b: () => showBefore(true),
};

addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !find("start").hidden) return;
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  // A key that is held down is one answer.
  if (!event.repeat) action();
});
addEventListener("keyup", (event) => {
  if (event.key.toLowerCase() === "b") showBefore(false);
});
addEventListener("blur", () => showBefore(false));

find("name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = find("name").value;
  localStorage.setItem(KEPT_NAME, name);
  send("/rater", { rater: name });
});
for (const [name, side] of Object.entries(sides)) side.addEventListener("click", () => choose(name));
find("undo").addEventListener("click", undo);
find("undo-last").addEventListener("click", undo);
find("another").addEventListener("click", () => {
  view = null;
  find("name").value = "";
  show("start");
  find("name").focus();
});
find("retry").addEventListener("click", () => again());
find("before").addEventListener("pointerdown", () => showBefore(true));
for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => showBefore(false));
find("before").addEventListener("contextmenu", (event) => event.preventDefault());

find("name").value = localStorage.getItem(KEPT_NAME) ?? "";
find("name").focus();
