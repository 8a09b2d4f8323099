// Sends files by the script of flask_pyfs, and says what became of them: in one message, and a list of those that were
// not stored.

import { Uploads, askedFrom } from "uploads";
import { count, form, input, load, say, whyLost } from "./page.js";

const transfer = document.getElementById("transfer");
const bar = transfer.querySelector("progress");
const numbers = transfer.querySelector("span");
const cancel = document.getElementById("cancel");
const again = document.getElementById("again");
const list = document.getElementById("refused");

const uploads = new Uploads({ sign });
const rows = new Map();
let isCancelled = false;
let quarters = 0;

/** Send files. Those that are chosen while others are sent, or wait for the connection, come after them. */
export function upload(files) {
  if (files.length === 0) {
    return;
  }
  if (!uploads.isRunning && !uploads.isOffline) {
    uploads.clear();
    rows.clear();
    list.replaceChildren();
  }
  isCancelled = false;
  uploads.add(files);
}

async function sign(file, signal) {
  const isSame = (item) => item.file !== file && item.file.name === file.name;
  const fields = () => [["token", form.elements.token.value], ...(uploads.items.some(isSame) ? [["same", "1"]] : [])];
  const asked = askedFrom(form.dataset.uploadUrl, fields);
  try {
    return await asked(file, signal);
  } catch (error) {
    if (error.end?.code !== 400) {
      throw error;
    }
    // this page is too old for the app, which knows a new token
    await load(location.href).catch(() => {});
    return asked(file, signal);
  }
}

const those = (...states) => uploads.items.filter(({ state }) => states.includes(state));

uploads.addEventListener("change", ({ detail: item }) => {
  rows.get(item)?.remove();
  rows.delete(item);
  if (item.state === "refused" || item.state === "failed") {
    rows.set(item, addRow(item));
  }
  if (transfer.hidden && uploads.isRunning) {
    start();
  }
  showProgress();
});

uploads.addEventListener("rest", async () => {
  // says nothing if it fails: what was stored counts
  await load(location.href).catch(() => {});
  if (!uploads.isRunning) {
    finish();
  }
});

function start() {
  quarters = 0;
  transfer.hidden = false;
  again.hidden = true;
  say("", `Uploading ${count(those("waiting", "sending").length)}…`);
}

function showProgress() {
  const all = uploads.items.length;
  const done = those("stored", "refused", "failed").length;
  const sum = (number) => uploads.items.reduce((total, item) => total + number(item), 0);
  const isDone = ({ state }) => state === "refused" || state === "failed";
  const sent = sum((item) => (isDone(item) ? item.file.size : item.sent));
  bar.value = sent / (sum(({ file }) => file.size) || 1);
  numbers.textContent = `${done.toLocaleString("en")} of ${count(all)}, ${Math.floor(bar.value * 100)} %`;
  // an announcement for every file would be one without end
  const quarter = Math.floor((4 * done) / all);
  if (all >= 40 && quarter > quarters && quarter < 4) {
    quarters = quarter;
    say("", `Uploading: ${done.toLocaleString("en")} of ${count(all)}…`);
  }
}

function addRow({ file, reason }) {
  const row = document.createElement("li");
  const name = document.createElement("bdi");
  name.textContent = file.name;
  row.append(name, " ", reason);
  list.append(row);
  return row;
}

function finish() {
  const hadFocus = document.activeElement === document.body || transfer.contains(document.activeElement);
  const [stored, others, waiting] = [those("stored"), those("refused", "failed"), those("waiting")].map(
    (each) => each.length,
  );
  const left = waiting + those("failed").length;
  transfer.hidden = true;
  again.hidden = !left;
  again.textContent = `Try again (${count(left)})`;
  const stopped = isCancelled ? "Cancelled." : uploads.isOffline ? whyLost() : "";
  const parts = [stopped];
  if (stored || others || !stopped) {
    parts.push(`${count(stored)} ${stored === 1 ? "was" : "were"} stored.`);
  }
  if (others) {
    parts.push(`${count(others, "file")} ${others === 1 ? "was" : "were"} not.`);
  }
  if (waiting) {
    const until = uploads.isOffline ? "until the connection is back" : "to be sent";
    parts.push(`${count(waiting)} ${waiting === 1 ? "waits" : "wait"} ${until}.`);
  }
  say(others || waiting ? "error" : "success", parts.filter(Boolean).join(" "));
  if (hadFocus) {
    (again.hidden ? input : again).focus();
  }
}

cancel.addEventListener("click", () => {
  isCancelled = true;
  uploads.stop();
});

again.addEventListener("click", () => {
  isCancelled = false;
  uploads.resume();
});

// who leaves now has to choose the files again
window.addEventListener("beforeunload", (event) => uploads.isRunning && event.preventDefault());
