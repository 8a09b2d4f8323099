"use strict";

// The form works without this script. With it, each file has its own request, so the size limit applies to each file and
// a progress bar is shown; and files go straight to the store, if it accepts uploads.

const form = document.getElementById("upload");
const input = document.getElementById("files");
const messages = document.getElementById("messages");
const progress = document.getElementById("progress");
const bar = progress.querySelector("progress");
const output = progress.querySelector("output");
const limit = Number(form.dataset.limit);
let busy = false;

document.documentElement.classList.add("js");

function show(category, text) {
  const item = document.createElement("p");
  item.className = category;
  item.textContent = text;
  messages.append(item);
}

function send(method, url, headers, body, onProgress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.upload.addEventListener("progress", (event) => onProgress(event.total ? event.loaded / event.total : 0));
    request.addEventListener("loadend", () => resolve(request));
    request.send(body);
  });
}

function formOf(fields, name, file) {
  const data = new FormData();
  Object.entries(fields).forEach(([field, value]) => data.append(field, value));
  data.append(name, file);
  return data;
}

async function sendToStore(file, onProgress) {
  const body = new URLSearchParams({ token: form.elements.token.value, name: file.name });
  const answer = await fetch(form.dataset.uploadUrl, { method: "POST", headers: { Accept: "application/json" }, body });
  if (!answer.ok) {
    return false;
  }
  const { url, method, fields, headers } = await answer.json();
  const content = method === "PUT" ? file : formOf(fields, "file", file);
  const { status } = await send(method, url, headers, content, onProgress);
  return status >= 200 && status < 300;
}

async function sendToApp(file, onProgress) {
  const data = formOf({ token: form.elements.token.value }, "photos", file);
  const { responseText } = await send("POST", form.action, { Accept: "application/json" }, data, onProgress);
  try {
    JSON.parse(responseText).messages.forEach(([category, text]) => show(category, text));
  } catch {
    show("error", `“${file.name}” could not be uploaded: the server did not take it.`);
  }
}

async function store(file, onProgress) {
  if (await sendToStore(file, onProgress).catch(() => false)) {
    show("success", `“${file.name}” was stored.`);
  } else {
    // the page may not reach the store, or the app rejects the file and says why
    await sendToApp(file, onProgress);
  }
}

async function refresh() {
  try {
    const page = await (await fetch(location.href)).text();
    const fresh = new DOMParser().parseFromString(page, "text/html");
    document.getElementById("photos").replaceWith(fresh.getElementById("photos"));
    form.elements.token.value = fresh.getElementById("upload").elements.token.value;
  } catch {
    show("error", "The list of images could not be loaded again.");
  }
}

async function upload(files) {
  if (busy || files.length === 0) {
    return;
  }
  busy = input.disabled = true;
  messages.replaceChildren();
  progress.hidden = false;
  const total = files.reduce((sum, file) => sum + file.size, 0) || 1;
  let done = 0;
  for (const [index, file] of files.entries()) {
    const update = (part) => {
      bar.value = (done + part * file.size) / total;
      output.value = `${index + 1} of ${files.length}, ${Math.round(bar.value * 100)} %`;
    };
    update(0);
    if (file.size > limit) {
      show("error", `“${file.name}” is too large: a file may have ${form.dataset.limitText} at most.`);
    } else {
      await store(file, update);
    }
    done += file.size;
  }
  await refresh();
  progress.hidden = true;
  input.value = "";
  busy = input.disabled = false;
}

input.addEventListener("change", () => upload([...input.files]));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  upload([...input.files]);
});

// a file that is dropped outside the form must not replace the page
for (const type of ["dragover", "drop"]) {
  document.addEventListener(type, (event) => event.preventDefault());
}
document.addEventListener("dragover", () => form.classList.add("dragging"));
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) {
    form.classList.remove("dragging");
  }
});
document.addEventListener("drop", (event) => {
  form.classList.remove("dragging");
  upload([...event.dataTransfer.files]);
});

document.addEventListener("submit", (event) => {
  if (event.target.matches(".delete") && !confirm(`Delete ${event.target.elements.name.value}?`)) {
    event.preventDefault();
  }
});
