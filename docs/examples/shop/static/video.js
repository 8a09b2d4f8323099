"use strict";

// The form works without this script. With it, the video goes straight to the store if the store accepts uploads, and a
// bar shows how far it is.

const form = document.getElementById("video-form");
const bar = form.querySelector("progress");
const problem = form.querySelector("[role=alert]");
const button = form.querySelector("button");

async function ask(url, fields) {
  const headers = { Accept: "application/json", "X-CSRFToken": form.elements.csrf_token.value };
  // fetch throws the words of the browser if there is no answer
  const answer = await fetch(url, { method: "POST", headers, body: new URLSearchParams(fields) }).catch(() => null);
  const said = (await answer?.json().catch(() => null)) ?? {};
  if (!answer?.ok) {
    throw new Error(said.description || "The server did not answer. Try again.");
  }
  return said;
}

function send({ url, method, fields, headers }, file) {
  const body = method === "POST" ? new FormData() : file;
  if (method === "POST") {
    Object.entries(fields).forEach(([name, value]) => body.append(name, value));
    body.append("file", file); // the last field
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.setRequestHeader("Accept", "application/json");
    Object.entries(headers).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => (bar.value = event.loaded / event.total));
    request.addEventListener("loadend", () => {
      const arrived = request.status >= 200 && request.status < 300;
      arrived ? resolve() : reject(new Error(request.response?.description || "The video did not arrive. Try again."));
    });
    request.send(body);
  });
}

form.addEventListener("submit", async (event) => {
  const [file] = form.elements.video.files;
  if (!file) {
    return; // the server says so
  }
  event.preventDefault();
  button.disabled = problem.hidden = true;
  bar.hidden = false;
  try {
    await send(await ask(form.dataset.start, { name: file.name }), file);
    location.assign((await ask(form.dataset.done, {})).next);
  } catch (error) {
    problem.textContent = error.message;
    bar.hidden = true;
    problem.hidden = button.disabled = false;
  }
});
