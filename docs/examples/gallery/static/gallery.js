// All works without this script. With it, files are sent with progress, cancel and retry (upload.js), images open on
// this page (viewer.js), and to delete one neither loads the page again nor loses the place in it.

import { form, input, load, report, say, whyLost } from "./page.js";
import { upload } from "./upload.js";
import "./viewer.js";

document.documentElement.classList.add("js");

// Choosing files

function choose(files) {
  upload([...files]);
  // the same file may be chosen again
  input.value = "";
}

input.addEventListener("change", () => choose(input.files));
form.addEventListener("submit", (event) => event.preventDefault());

// a file that is dropped anywhere must not replace the page
for (const type of ["dragover", "drop"]) {
  document.addEventListener(type, (event) => event.preventDefault());
}
document.addEventListener("dragover", ({ dataTransfer }) => {
  document.body.classList.toggle("dragging", dataTransfer.types.includes("Files"));
});
document.addEventListener("dragleave", ({ relatedTarget }) => {
  document.body.classList.toggle("dragging", relatedTarget !== null);
});
document.addEventListener("drop", ({ dataTransfer }) => {
  document.body.classList.remove("dragging");
  choose(dataTransfer.files);
});

// Deleting, and undoing it

const deleteButtons = () => [...document.querySelectorAll(".delete button")];
const underway = new WeakSet();

async function submit(sent, button) {
  if (underway.has(sent)) {
    return;
  }
  underway.add(sent);
  const index = deleteButtons().indexOf(button);
  const isOnline = navigator.onLine;
  try {
    const page = await load(sent.action, { method: "POST", body: new FormData(sent) }).catch((error) => {
      if (!isOnline) {
        throw error;
      }
      // the gallery may have done it: its page shows that, and may still have the message
      return load(location.href);
    });
    report(page);
    if (!page.querySelector("#status p")) {
      say("error", "The answer was lost. These are the images that are there now.");
    }
    // the image that is back, or the one after the deleted one, or the last
    const back = document.querySelector(".photo.back");
    const buttons = deleteButtons();
    (back ?? buttons[Math.max(index, 0)] ?? buttons.at(-1) ?? input).focus();
  } catch (error) {
    const next = isOnline ? "Load the page again to see what was changed." : "Nothing was changed. Try again.";
    say("error", `${whyLost(error)} ${next}`.trim());
  } finally {
    underway.delete(sent);
  }
}

// who clicks twice, or holds a key down, deletes one image
document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target.closest(".delete")) {
    event.preventDefault();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.repeat && event.key === "Enter" && event.target.closest(".delete")) {
    event.preventDefault();
  }
});

document.addEventListener("submit", (event) => {
  if (event.target.matches(".delete, .undo")) {
    event.preventDefault();
    submit(event.target, event.submitter);
  }
});

// the button may be a hundred images away
document.addEventListener("keydown", (event) => {
  const button = document.querySelector(".undo button");
  if (button && event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
    event.preventDefault();
    button.click();
  }
});

// Being offline

window.addEventListener("offline", () => say("error", "You are offline. Nothing can be uploaded or deleted now."));
window.addEventListener("online", () => {
  // unless files that waited are sent now
  if (document.getElementById("transfer").hidden) {
    say("success", "You are online again.");
  }
});
