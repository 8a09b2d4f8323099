// Sends files to an app in pieces, each of which is safe once it has arrived: a broken connection, a computer that slept
// or a page that was loaded again costs no more than the piece that was on its way. It speaks tus 1.0.0.
//
// A form with data-fs-sign sends its files in this way, and is an ordinary form without this script. A page that shows
// uploads in its own way uses Uploads.

/** What is said to people. A page may replace each. */
export const texts = {
  busy: "The server cannot take the file now. Try again later.",
  cancel: "Cancel",
  denied: "You may have to log in again. Do so in another tab, then try again here.",
  failed: "The connection was lost. Try again.",
  offline: "You are offline. The upload goes on when the connection is back.",
  refused: "The file was refused.",
  said: (stored, all) => `${stored} of ${all} files are uploaded.`,
  sending: "The files are being uploaded.",
  stored: "Uploaded",
  unfinished: (names) => `Not uploaded to the end: ${names.join(", ")}. Choose the same files to go on.`,
  unreadable: "The file cannot be read. Choose it again.",
};

const MEMORY = "flask_pyfs upload";
const LEAST = 64 * 1024;
const TUS = { "Tus-Resumable": "1.0.0" };
// seconds; a person who is to wait longer is told so
const PATIENCE = 60;
const DAY = 24 * 60 * 60 * 1000;
const NEW = { state: "waiting", sent: 0, safe: 0, code: 0, reason: "", target: null, location: null };

/** An upload is over, for now or for good: end has its new values. */
class Ended extends Error {
  constructor(end) {
    super(end.reason);
    this.end = end;
  }
}

/** There was no answer, or one that may be another one later. */
class Lost extends Ended {
  constructor(reason, wait = 0, isFinishing = false) {
    super({ state: "failed", reason: reason || texts.failed });
    Object.assign(this, { wait, isFinishing });
  }
}

/**
 * Files, a few of which are sent at once. Each of items has its file, its state ("waiting", "sending", "stored",
 * "refused", "failed" or "cancelled"), the bytes that were sent, and what the app has answered: the code and the reason
 * if it was refused, else target, which has the name that the file gets.
 *
 * The event "change" has an item with new values as its detail; "rest" tells that nothing is sent any more.
 */
export class Uploads extends EventTarget {
  items = [];
  /** Whether the browser is offline, and what waits goes on by itself. */
  isOffline = false;
  #isStopped = false;
  #active = new Map();
  #keys = new Map();
  #releases = new Map();

  /**
   * @param sign asks the app for the url of a resumable upload: (file, signal) => an object; askedFrom makes one.
   * @param place names the part of the browser's memory for unfinished uploads. Where several people use one browser,
   *   each of them has a place.
   * @param atOnce how many files are sent at once.
   * @param piece how many bytes a request has: no more than the servers on the way take.
   * @param waits how long to wait before each next try while nothing arrives, in seconds.
   */
  constructor({ sign, place = location.pathname, atOnce = 4, piece = 8 * 1024 * 1024, waits = [0.5, 1, 2, 4, 8] }) {
    super();
    Object.assign(this, { sign, place, atOnce, piece, waits });
    inMemory((memory) =>
      Object.keys(memory)
        .filter((key) => key.startsWith(MEMORY) && !(remembered(memory, key)?.expires > Date.now()))
        .forEach((key) => memory.removeItem(key)),
    );
    window.addEventListener("online", () => this.isOffline && this.resume());
  }

  get isRunning() {
    return this.#active.size > 0;
  }

  /** The names of the files that were not sent to their end when this page was left before. */
  unfinished() {
    const names = (memory) =>
      Object.keys(memory)
        .filter((key) => key.startsWith(this.#start))
        .map((key) => remembered(memory, key).name);
    return inMemory(names) ?? [];
  }

  /** Send files, and return an item for each. */
  add(files) {
    const added = Array.from(files, (file) => ({ ...NEW, file }));
    this.items.push(...added);
    this.#isStopped = false;
    // the caller has them first
    queueMicrotask(() => this.#work());
    return added;
  }

  /** Send what was stopped or has failed, from where it was. */
  resume() {
    this.isOffline = this.#isStopped = false;
    for (const item of this.items) {
      if (item.state === "failed") {
        this.#change(item, { state: "waiting" });
      }
    }
    this.#work();
  }

  /** Send nothing until resume or add. What has arrived stays. */
  stop() {
    this.#isStopped = true;
    this.#active.forEach((controller) => controller.abort());
  }

  /** Drop the items that are not sent now. What has arrived of them stays until it expires. */
  clear() {
    for (const item of this.items.filter((each) => !this.#active.has(each))) {
      this.#keys.delete(item);
      this.#release(item);
    }
    this.items = this.items.filter((item) => this.#active.has(item));
  }

  /** Give a file up that is not stored yet, and let the app forget what has arrived of it. */
  cancel(item) {
    const { location } = item;
    this.#change(item, { state: "cancelled" });
    this.#active.get(item)?.abort();
    this.#forget(item);
    if (location) {
      // what stays after all expires
      ask("DELETE", location, TUS).catch(() => {});
    }
  }

  #change(item, values) {
    Object.assign(item, values);
    this.dispatchEvent(new CustomEvent("change", { detail: item }));
  }

  #work() {
    const waiting = this.items.filter((item) => item.state === "waiting" && !this.#active.has(item));
    while (waiting.length && this.#active.size < this.atOnce && !this.#isStopped) {
      const item = waiting.shift();
      const controller = new AbortController();
      this.#active.set(item, controller);
      this.#send(item, controller.signal).finally(() => {
        this.#active.delete(item);
        this.#work();
        if (!this.isRunning) {
          this.dispatchEvent(new Event("rest"));
        }
      });
    }
  }

  async #send(item, signal) {
    this.#change(item, { state: "sending", code: 0, reason: "" });
    let end = { state: "stored", sent: item.file.size };
    try {
      await this.#tried(item, signal);
    } catch (error) {
      if (!error.end && !signal.aborted) {
        reportError(error);
      }
      end = signal.aborted ? { state: "waiting" } : (error.end ?? { state: "failed", reason: texts.failed });
    }
    if (item.state !== "cancelled") {
      if (end.state === "stored" || end.state === "refused") {
        this.#forget(item);
      }
      this.#change(item, end);
    }
  }

  async #tried(item, signal) {
    for (let tries = 0; ; tries++) {
      const { safe } = item;
      try {
        return await this.#transfer(item, signal);
      } catch (error) {
        signal.throwIfAborted();
        // all bytes may be there, and another request joins and checks them for long
        tries = item.safe > safe || error.isFinishing ? 0 : tries;
        if (!(error instanceof Lost) || tries >= this.waits.length || error.wait > PATIENCE) {
          throw error;
        }
        if (!navigator.onLine) {
          this.isOffline = true;
          this.stop();
        }
        await pause(Math.max(error.wait, this.waits[tries]), signal);
      }
    }
  }

  async #transfer(item, signal) {
    const { file } = item;
    item.location ??= await this.#recall(item);
    let offset = item.location ? await offsetOf(item.location, signal) : null;
    offset ??= await this.#begin(item, signal);
    while (offset < file.size) {
      this.#change(item, { safe: offset, sent: offset });
      const answer = await append(item.location, offset, file.slice(offset, offset + this.piece), signal, (sent) => {
        this.#change(item, { sent: offset + sent });
      });
      if (answer.status === 404 || answer.status === 410) {
        // it has expired meanwhile
        this.#forget(item);
        throw new Lost();
      }
      if (answer.status === 413 && this.piece > LEAST && !answer.headers.get("Tus-Resumable")) {
        // not the app, but a server on the way: the file is not too large, the request is
        this.piece = Math.max(LEAST, Math.ceil(Math.min(this.piece, file.size - offset) / 2));
        continue;
      }
      // another window may send the same file
      const other = answer.status === 409 ? await offsetOf(item.location, signal) : null;
      const next = other === null || other === offset ? offsetIn(judged(answer)) : other;
      if (next === offset) {
        throw new Lost(texts.busy);
      }
      offset = next;
    }
  }

  async #begin(item, signal) {
    // a file that was deleted meanwhile looks empty
    await requireReadable(item.file);
    const target = await this.sign(item.file, signal);
    const answer = judged(await ask("POST", target.url, { ...TUS, "Upload-Length": item.file.size }, signal));
    const location = new URL(fieldOf(answer, "Location"), new URL(target.url, document.baseURI)).href;
    this.#change(item, { target, location });
    this.#releases.set(item, await held(location));
    this.#remember(item, { target, location, expires: Date.parse(answer.headers.get("Upload-Expires")) });
    return 0;
  }

  // What outlives the page

  get #start() {
    return `${MEMORY} ${this.place} `;
  }

  #keyOf({ file }) {
    return this.#start + JSON.stringify([file.webkitRelativePath || file.name, file.size, file.lastModified]);
  }

  async #recall(item) {
    const key = this.#keyOf(item);
    const known = inMemory((memory) => remembered(memory, key));
    // of two files that look the same, one goes on
    if (!known || [...this.#keys.values()].includes(key)) {
      return null;
    }
    this.#keys.set(item, key);
    const release = await held(known.location);
    if (!release) {
      // another window is at it: this is another file for it, as two forms must not be given one
      this.#keys.delete(item);
      return null;
    }
    this.#releases.set(item, release);
    item.target = known.target;
    return known.location;
  }

  #remember(item, { expires, ...known }) {
    const key = this.#keyOf(item);
    if (this.#keys.get(item) === key || ![...this.#keys.values()].includes(key)) {
      this.#keys.set(item, key);
      const value = { name: item.file.name, expires: expires || Date.now() + DAY, ...known };
      inMemory((memory) => memory.setItem(key, JSON.stringify(value)));
    }
  }

  #forget(item) {
    const key = this.#keys.get(item);
    inMemory((memory) => remembered(memory, key)?.location === item.location && memory.removeItem(key));
    item.location = null;
    this.#keys.delete(item);
    this.#release(item);
  }

  #release(item) {
    this.#releases.get(item)?.();
    this.#releases.delete(item);
  }
}

function inMemory(work) {
  try {
    return work(localStorage);
  } catch {
    // it may be forbidden or full: then an upload does not outlive the page
    return null;
  }
}

/** Keep an upload from other windows, and return a function that gives it back; null if one of them has it. */
async function held(location) {
  try {
    return await new Promise((resolve, reject) => {
      const hold = (lock) => (lock ? new Promise((release) => resolve(release)) : resolve(null));
      navigator.locks.request(`${MEMORY} ${location}`, { ifAvailable: true }, hold).catch(reject);
    });
  } catch {
    // browsers have locks for pages with TLS alone
    return () => {};
  }
}

function remembered(memory, key) {
  try {
    return JSON.parse(memory.getItem(key));
  } catch {
    // others may write there as well
    return null;
  }
}

// Requests

/**
 * Return what Uploads asks for each file: it posts the file's name, size and type, with the fields that it is given, to
 * a view of the app. That answers with JSON: the url and the name of resumable_url, or the description of an error.
 */
export function askedFrom(url, fields = () => []) {
  return async (file, signal) => {
    const body = new URLSearchParams([["name", file.name], ["size", file.size], ["type", file.type], ...fields()]);
    const answer = judged(await ask("POST", url, {}, signal, body));
    try {
      return JSON.parse(answer.text);
    } catch {
      // the app has led to another page
      throw new Ended({ state: "failed", reason: texts.denied });
    }
  };
}

async function ask(method, url, headers, signal, body) {
  try {
    const answer = await fetch(url, { method, signal, body, headers: { ...headers, Accept: "application/json" } });
    const { status, headers: fields, redirected } = answer;
    return { status, headers: fields, text: await answer.text(), redirected };
  } catch (error) {
    throw signal?.aborted ? error : new Lost();
  }
}

/** Return how much of an upload has arrived; null if the app does not know the upload any more. */
async function offsetOf(url, signal) {
  const answer = await ask("HEAD", url, TUS, signal);
  if ([403, 404, 410].includes(answer.status)) {
    return null;
  }
  // the answer to HEAD has no reason in it
  return offsetIn(judged(answer.status < 400 ? answer : await ask("GET", url, TUS, signal)));
}

function offsetIn(answer) {
  return Number(fieldOf(answer, "Upload-Offset"));
}

/** Return a field of an answer. One without it is a page of the app, or of the network, that asks people to log in. */
function fieldOf({ headers }, name) {
  const value = headers.get(name);
  if (value === null) {
    throw new Ended({ state: "failed", reason: texts.denied });
  }
  return value;
}

function append(url, offset, bytes, signal, onProgress) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // fetch does not tell how much it has sent
    const request = new XMLHttpRequest();
    request.open("PATCH", url);
    Object.entries(TUS).forEach((each) => request.setRequestHeader(...each));
    request.setRequestHeader("Upload-Offset", offset);
    request.setRequestHeader("Content-Type", "application/offset+octet-stream");
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", ({ loaded }) => onProgress(loaded));
    const headers = { get: (name) => request.getResponseHeader(name) };
    request.addEventListener("load", () => {
      const { status, responseText: text, responseURL } = request;
      resolve({ status, headers, text, redirected: responseURL !== url });
    });
    request.addEventListener("error", () => requireReadable(bytes).then(() => reject(new Lost()), reject));
    request.addEventListener("abort", () => reject(signal.reason));
    const abort = () => request.abort();
    signal.addEventListener("abort", abort);
    request.addEventListener("loadend", () => signal.removeEventListener("abort", abort));
    request.send(bytes);
  });
}

/** Return an answer that grants what was asked for. */
function judged(answer) {
  const { status, headers, redirected } = answer;
  if (status < 300) {
    return answer;
  }
  const { description, reason } = reasonsIn(answer);
  if (status >= 500 || [408, 423, 429].includes(status)) {
    const after = headers.get("Retry-After");
    const wait = Number(after) || (Date.parse(after) - Date.now()) / 1000 || 0;
    throw new Lost(reason || texts.busy, wait, status === 423 && wait > 0);
  }
  if (status === 401 || (!description && (status === 403 || redirected))) {
    throw new Ended({ state: "failed", reason: reason || texts.denied });
  }
  throw new Ended({ state: "refused", code: status, reason: reason || texts.refused });
}

/** Return the description of an error, as this package answers it, and the reason: that, or else one of RFC 9457. */
function reasonsIn({ text }) {
  try {
    const { description, detail, title } = JSON.parse(text);
    return { description, reason: description || detail || title };
  } catch {
    // nobody can read the answer of a server on the way
    return {};
  }
}

/** Read a byte of a file: one that was changed or deleted since it was chosen has none. */
async function requireReadable(file) {
  try {
    await (file.size ? file.slice(0, 1) : file).arrayBuffer();
  } catch {
    throw new Ended({ state: "failed", reason: texts.unreadable });
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, 1000 * seconds);
    signal.addEventListener("abort", abort);
  });
}

// Forms

/**
 * Let a form send its files before it is submitted. What is submitted has no files, but under the name of the input
 * the value, or else the name, that the app has answered for each.
 */
export function enhance(form) {
  const status = made("p", { role: "status" });
  const list = made("ul", { className: "uploads" });
  const rows = new Map();
  const demanded = new Set();
  let submitter = null;
  let isSubmitted = false;
  let isBack = false;

  const { fsSign, fsPlace = "", fsPiece } = form.dataset;
  const fields = () => [...new FormData(form)].filter(([, value]) => typeof value === "string");
  const uploads = new Uploads({
    sign: askedFrom(fsSign, fields),
    place: `${fsPlace} ${fsSign}`,
    ...(fsPiece && { piece: Number(fsPiece) }),
  });
  const unfinished = uploads.unfinished();
  status.textContent = unfinished.length ? texts.unfinished(unfinished) : "";
  form.append(status, list);

  const itemsOf = (input) => uploads.items.filter((item) => rows.get(item)?.input === input);
  const wantedOf = (items) => items.filter(({ state }) => state !== "cancelled");

  function add(input) {
    if (input.required) {
      demanded.add(input);
    }
    if (input.files.length && (isBack || !input.multiple)) {
      // as in any form, a choice takes the place of the one before
      wantedOf(itemsOf(input)).forEach((item) => uploads.cancel(item));
    }
    for (const item of uploads.add(input.files)) {
      const { name } = item.file;
      const bar = made("progress", { max: 1, value: 0, ariaLabel: name });
      const note = made("span");
      const button = made("button", {
        type: "button",
        textContent: texts.cancel,
        ariaLabel: `${texts.cancel} ${name}`,
      });
      const row = made("li");
      row.append(made("bdi", { textContent: name }), " ", bar, " ", note, " ", button);
      button.addEventListener("click", () => uploads.cancel(item));
      list.append(row);
      rows.set(item, { input, row, bar, note, button });
    }
    input.value = "";
    demand(input);
  }

  function demand(input) {
    const items = wantedOf(itemsOf(input)).filter(({ state }) => state !== "refused");
    input.required = demanded.has(input) && !items.length;
  }

  function say(text) {
    // the same words again would be announced again
    if (status.textContent !== text) {
      status.textContent = text;
    }
  }

  /** Say how many files are stored, and return whether those are all. */
  function count() {
    const wanted = wantedOf(uploads.items);
    const stored = wanted.filter(({ state }) => state === "stored");
    say(uploads.isOffline ? texts.offline : wanted.length ? texts.said(stored.length, wanted.length) : "");
    return stored.length > 0 && stored.length === wanted.length;
  }

  uploads.addEventListener("change", ({ detail: item }) => {
    const { input, row, bar, note, button } = rows.get(item);
    const { state, sent, file, reason, target } = item;
    const isOver = state === "stored" || state === "refused";
    bar.value = file.size ? sent / file.size : 0;
    bar.hidden = isOver;
    note.textContent = state === "stored" ? texts.stored : reason;
    if (state === "stored") {
      row.append(made("input", { type: "hidden", name: input.name, value: target.value ?? target.name }));
    }
    if ((isOver || state === "cancelled") && document.activeElement === button) {
      input.focus();
    }
    button.hidden = isOver;
    if (state === "cancelled") {
      row.remove();
    }
    demand(input);
    if (state === "sending") {
      say(texts.sending);
    } else if (state === "cancelled" && !uploads.isRunning) {
      count();
    }
  });

  uploads.addEventListener("rest", () => {
    if (count()) {
      form.requestSubmit(submitter);
    }
  });

  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) {
      return;
    }
    // they may be anywhere in the page, and may have come after this script; without a name, nobody would get them
    [...form.elements]
      .filter((each) => each.matches("input[type=file]:enabled") && each.name)
      .forEach((input) => add(input));
    isBack = false;
    isSubmitted = !uploads.items.some(({ state }) => ["waiting", "sending", "failed"].includes(state));
    if (!isSubmitted) {
      event.preventDefault();
      submitter = event.submitter;
      uploads.resume();
    }
  });

  window.addEventListener("beforeunload", (event) => uploads.isRunning && event.preventDefault());

  window.addEventListener("pageshow", ({ persisted }) => {
    // who came back sees the form as it was left, and may send it again if the app has answered an error
    isBack = persisted && isSubmitted;
  });
}

function made(tag, values = {}) {
  return Object.assign(document.createElement(tag), values);
}

document.querySelectorAll("form[data-fs-sign]").forEach(enhance);
