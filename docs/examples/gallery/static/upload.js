// Sends files, a few at a time, and says what became of them: in one message, and a list of those that were not stored.

import { count, form, input, load, say, whyLost } from "./page.js";

// how many requests run at once, and which files share one: of many small ones, each would take longer than its bytes
const AT_ONCE = 4;
const TOGETHER = 20;
const BYTES_TOGETHER = 1_000_000;

const transfer = document.getElementById("transfer");
const bar = transfer.querySelector("progress");
const numbers = transfer.querySelector("span");
const cancel = document.getElementById("cancel");
const again = document.getElementById("again");
const list = document.getElementById("refused");

const limit = Number(form.dataset.limit) || Infinity;
// whether the store itself takes files; it does not where the app has to look into them
let isDirect = Boolean(form.dataset.uploadUrl);

// what is sent now or was sent last; stopped says why it waits, and is lost if the network is the reason
let batch = null;
// files that were in a request that broke, each of which may be the reason
const alone = new WeakSet();
// where the store takes them: what is sent again, because it may have arrived, replaces itself there
const targets = new WeakMap();

/** Send files. Those that are chosen while others are sent come after them. */
export function upload(files) {
  if (files.length === 0) {
    return;
  }
  if (!batch || (!batch.isRunning && !batch.isLost)) {
    batch = { total: 0, bytes: 0, stored: 0, refused: 0, sent: 0, waiting: [], sending: new Map(), failed: new Map() };
    list.replaceChildren();
  }
  batch.total += files.length;
  batch.bytes += sizeOf(files);
  for (const file of files) {
    if (file.size > limit) {
      settle(file, { code: 413, reason: `The file is too large: it may have ${form.dataset.limitText} at most.` });
    } else {
      batch.waiting.push(file);
    }
  }
  run();
}

function sizeOf(files) {
  return files.reduce((sum, file) => sum + file.size, 0);
}

async function run() {
  if (batch.isRunning) {
    return;
  }
  Object.assign(batch, { isRunning: true, isLost: false, stopped: "", quarters: 0 });
  transfer.hidden = false;
  again.hidden = true;
  say("", `Uploading ${count(batch.waiting.length)}…`);
  showProgress();
  while (batch.waiting.length && !batch.stopped) {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    // says nothing if it fails: what was stored counts
    await load(location.href).catch(() => {});
  }
  batch.isRunning = false;
  finish();
}

async function work() {
  while (batch.waiting.length && !batch.stopped) {
    const files = takeSome();
    const results = await store(files);
    batch.sending.delete(files[0]);
    if (results) {
      files.forEach((file, index) => settle(file, results[index] ?? results[0]));
    } else if (await mustStop()) {
      batch.waiting.unshift(...files);
    } else if (files.length > 1) {
      files.forEach((file) => alone.add(file));
      batch.waiting.unshift(...files);
    } else {
      settle(files[0], { code: 0, reason: "The file could not be read or sent." });
    }
    showProgress();
  }
}

function takeSome() {
  const files = [batch.waiting.shift()];
  while (
    batch.waiting.length &&
    files.length < TOGETHER &&
    sizeOf([...files, batch.waiting[0]]) <= Math.min(BYTES_TOGETHER, limit) &&
    !isDirect &&
    !alone.has(files[0]) &&
    !alone.has(batch.waiting[0])
  ) {
    files.push(batch.waiting.shift());
  }
  return files;
}

function settle(file, { code, reason }) {
  batch.sent += file.size;
  if (isSuccess(code)) {
    batch.stored += 1;
  } else if (code >= 400 && code < 500) {
    batch.refused += 1;
    addRow(file, reason);
  } else {
    batch.failed.set(file, addRow(file, reason));
  }
}

function isSuccess(code) {
  return code >= 200 && code < 300;
}

/** After a request without an answer: whether all of them would fail, or only this one did. */
async function mustStop() {
  if (!batch.stopped) {
    try {
      await fetch(import.meta.url, { method: "HEAD", cache: "no-store" });
    } catch (error) {
      batch.stopped ||= whyLost(error);
      batch.isLost = true;
    }
  }
  return Boolean(batch.stopped);
}

// Requests

/** Send files in one request, and return a result for each, or one for all; nothing if there was no answer. */
async function store(files) {
  if (isDirect) {
    const [file] = files;
    const asked = (token) => new URLSearchParams({ token, name: file.name });
    const target = targets.get(file) ?? (await ask(files, form.dataset.uploadUrl, asked));
    if (!target || target.files) {
      return target?.files;
    }
    isDirect &&= Boolean(target.url);
    if (target.url) {
      targets.set(file, target);
      const content = target.method === "PUT" ? file : formOf(target.fields, "file", files);
      const { status } = await send(files, target.method, target.url, target.headers, content);
      if (isSuccess(status)) {
        return [{ code: status }];
      }
      if (batch.stopped) {
        return null;
      }
    }
  }
  const answer = await ask(files, form.action, (token) => formOf({ token }, "photos", files));
  // the store did not take from this page what the app takes
  isDirect &&= !isSuccess(answer?.status);
  return answer && (answer.files ?? [{ code: answer.status, reason: answer.error ?? "The gallery did not take it." }]);
}

/** Post something to the app, and return the object that it answers, with the status; nothing if it does not answer. */
async function ask(files, url, bodyWith) {
  const post = async () => {
    const body = bodyWith(form.elements.token.value);
    const { status, responseText } = await send(files, "POST", url, { Accept: "application/json" }, body);
    try {
      return status ? { ...JSON.parse(responseText), status } : null;
    } catch {
      return { status };
    }
  };
  const answer = await post();
  if (answer?.status !== 400 || answer.files) {
    return answer;
  }
  // this page is too old for the app, which knows a new token
  await load(location.href).catch(() => {});
  return post();
}

function formOf(fields, name, files) {
  const data = new FormData();
  Object.entries(fields).forEach(([field, value]) => data.append(field, value));
  files.forEach((file) => data.append(name, file));
  return data;
}

function send(files, method, url, headers, body) {
  return new Promise((resolve) => {
    // fetch does not tell how much it has sent
    const request = new XMLHttpRequest();
    const size = sizeOf(files);
    batch.sending.set(files[0], { request, sent: 0 });
    request.open(method, url);
    Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      // a request that is smaller than the files only asks where they may go
      batch.sending.set(files[0], { request, sent: size && total >= size ? (loaded / total) * size : 0 });
      showProgress();
    });
    request.addEventListener("loadend", () => resolve(request));
    request.send(body);
  });
}

// What the page shows

function showProgress() {
  const done = batch.stored + batch.refused + batch.failed.size;
  const underway = [...batch.sending.values()].reduce((sum, { sent }) => sum + sent, 0);
  bar.value = batch.bytes ? Math.min(1, (batch.sent + underway) / batch.bytes) : 0;
  numbers.textContent = `${done.toLocaleString("en")} of ${count(batch.total)}, ${Math.floor(bar.value * 100)} %`;
  // an announcement for every file would be one without end
  const quarters = Math.floor((4 * done) / batch.total);
  if (batch.total >= 40 && quarters > batch.quarters && quarters < 4) {
    batch.quarters = quarters;
    say("", `Uploading: ${done.toLocaleString("en")} of ${count(batch.total)}…`);
  }
}

function addRow(file, reason) {
  const row = document.createElement("li");
  const name = document.createElement("bdi");
  name.textContent = file.name;
  row.append(name, " ", reason);
  list.append(row);
  return row;
}

function finish() {
  const hadFocus = document.activeElement === document.body || transfer.contains(document.activeElement);
  const waiting = batch.waiting.length;
  const others = batch.refused + batch.failed.size;
  transfer.hidden = true;
  again.hidden = !waiting && !batch.failed.size;
  again.textContent = `Try again (${count(waiting + batch.failed.size)})`;
  const parts = [batch.stopped];
  if (batch.stored || others || !batch.stopped) {
    parts.push(`${count(batch.stored)} ${batch.stored === 1 ? "was" : "were"} stored.`);
  }
  if (others) {
    parts.push(`${count(others, "file")} ${others === 1 ? "was" : "were"} not.`);
  }
  if (waiting) {
    const until = batch.isLost ? "until the connection is back" : "to be sent";
    parts.push(`${count(waiting)} ${waiting === 1 ? "waits" : "wait"} ${until}.`);
  }
  say(others || waiting ? "error" : "success", parts.filter(Boolean).join(" "));
  if (hadFocus) {
    (again.hidden ? input : again).focus();
  }
}

cancel.addEventListener("click", () => {
  batch.stopped = "Cancelled.";
  batch.sending.forEach(({ request }) => request.abort());
});

function retry() {
  const failed = [...batch.failed.keys()];
  batch.failed.forEach((row) => row.remove());
  batch.failed.clear();
  batch.sent -= sizeOf(failed);
  batch.waiting.push(...failed);
  run();
}

again.addEventListener("click", retry);
window.addEventListener("online", () => batch?.isLost && !batch.isRunning && retry());

// who leaves now loses what was not sent
window.addEventListener("beforeunload", (event) => batch?.isRunning && event.preventDefault());
